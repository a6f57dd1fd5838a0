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
}
