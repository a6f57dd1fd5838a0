import Foundation
import TestSupport
import Testing

/// Drop folders where the kernel refuses what it mostly does.
@Suite struct DropFolderFaultTests {
    /// A library that lets the first sync fail of a file whose path contains `$FAILING_SYNC`.
    private static let failing = #"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <stdatomic.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>

        int fsync(int file) {
            static atomic_int failures;
            char link[40], path[4096] = "";
            const char *failing = getenv("FAILING_SYNC");
            snprintf(link, sizeof link, "/proc/self/fd/%d", file);
            if (failing && readlink(link, path, sizeof path - 1) > 0 && strstr(path, failing)
                && atomic_fetch_add(&failures, 1) == 0) {
                errno = EIO;
                return -1;
            }
            int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
            return real(file);
        }
        """#

    @Test func `a file whose way out of the inbox isn't durable is put back, and not saved`() async throws {
        try await Sandbox.with { sandbox in
            try sandbox.write(Self.failing, to: "failing.c")
            let built = try await sandbox.shell("clang -shared -fPIC -o failing.so failing.c -ldl")
            try #require(built.status == 0, "\(built.errors)")
            try sandbox.write("x", to: "inbox/a")

            let first = try await sandbox.run(
                ["watch", "inbox", "--once"] + sandbox.place,
                environment: ["LD_PRELOAD": "\(sandbox.path)/failing.so", "FAILING_SYNC": "/.qstore/taken/"]
            )
            let wasPutBack = sandbox.exists("inbox/a") && !sandbox.exists("local/a")
            let second = try await sandbox.run(["watch", "inbox", "--once"] + sandbox.place)

            #expect(first.status == 1, "\(first.errors)")
            #expect(wasPutBack)
            #expect(second.status == 0, "\(second.errors)")
            #expect(try sandbox.text("remote/a") == "x")
        }
    }

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
