import Foundation
import TestSupport
import Testing

/// Drop folders where the kernel refuses what it mostly does.
@Suite struct DropFolderFaultTests {
    @Test func `what is mounted in the inbox is reported, with what to do, and keeps nothing else from being taken`()
        async throws
    {
        try await Sandbox.with { sandbox in
            try sandbox.makeDirectory("inbox/mounted")
            try sandbox.write("x", to: "inbox/a")
            let line = """
                mount -t tmpfs tmpfs inbox/mounted && echo x >inbox/mounted/f
                "$Q" watch inbox --once \(sandbox.place.joined(separator: " "))
                echo $? $(ls inbox/mounted)
                """

            let outcome = try await sandbox.shell(
                (ownMounts + ["/bin/bash", "-c", line]).map { "'\($0)'" }.joined(separator: " ")
            )

            #expect(outcome.lines.last == "1 f", "\(outcome.errors)")
            #expect(outcome.errors.contains("watch it as a drop folder of its own"))
            #expect(try sandbox.text("remote/a") == "x")
        }
    }

    @Test func `an inbox that something is mounted over, and that is back, is noticed`() async throws {
        try await Sandbox.with { sandbox in
            let line = """
                "$Q" watch inbox \(sandbox.place.joined(separator: " ")) & watch=$!
                until [ -d inbox/.qstore/quarantine ]; do sleep 0.05; done
                mount -t tmpfs tmpfs inbox && echo x >inbox/over
                until [ -f remote/over ]; do sleep 0.05; done
                umount -l inbox && echo x >inbox/below
                until [ -f remote/below ]; do sleep 0.05; done
                kill $watch; wait $watch
                """

            let outcome = try await sandbox.shell(
                "timeout -k 1 60 " + (ownMounts + ["/bin/bash", "-c", line]).map { "'\($0)'" }.joined(separator: " ")
            )

            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try Set(tree("\(sandbox.path)/remote").keys) == ["over", "below"])
        }
    }
}
