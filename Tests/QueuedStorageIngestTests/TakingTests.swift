import CLinux
import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct TakingTests {
    // MARK: 1. What ends a file

    @Test(arguments: KernelSource.allCases)
    func `takes a file that was closed after writing`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            write("hello", to: it.path("a.txt"))

            await it.log.waitForTaken("a.txt")

            #expect(it.sink.saved == [.init(name: "a.txt", bytes: Array("hello".utf8))])
            #expect(!it.exists("a.txt"))
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes a file that was renamed into the folder`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            write("hello", to: "\(it.directory)/a.txt")

            #expect(rename("\(it.directory)/a.txt", it.path("b.txt")) == 0)

            await it.log.waitForTaken("b.txt")
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes a file that was renamed inside the folder`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            write("hello", to: it.path("a.part"))

            #expect(rename(it.path("a.part"), it.path("a.txt")) == 0)

            await it.log.waitForTaken("a.txt")
            #expect(it.sink.savedNames == ["a.txt"])
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes a file that was hard-linked into the folder`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            write("hello", to: "\(it.directory)/a.txt")

            #expect(link("\(it.directory)/a.txt", it.path("b.txt")) == 0)

            await it.log.waitForTaken("b.txt")
            #expect(it.sink.taken.map(\.isOurs) == [false])
            #expect(isThere("\(it.directory)/a.txt"))
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes a file that was made without a name and linked`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            let descriptor = clinux_openat2(AT_FDCWD, it.inbox, UInt64(O_RDWR | clinux_O_TMPFILE), 0o644, 0)
            put("hello", into: descriptor)
            #expect(clinux_link_descriptor(descriptor, AT_FDCWD, it.path("t.txt")) == 0)
            await it.log.wait { $0.isWaiting("t.txt", .open) }

            close(descriptor)

            await it.log.waitForTaken("t.txt")
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes an empty file`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            write("", to: it.path("empty"))

            await it.log.waitForTaken("empty")

            #expect(it.sink.saved == [.init(name: "empty", bytes: [])])
        }
    }

    // MARK: 2. Open files

    @Test(arguments: KernelSource.allCases)
    func `leaves a file alone that is open for writing`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            let descriptor = openToWrite(it.path("a.txt"))
            put("one", into: descriptor)
            await it.log.wait { $0.isWaiting("a.txt", .open) }
            #expect(it.sink.saved == [])

            put(" two", into: descriptor)
            close(descriptor)

            await it.log.waitForTaken("a.txt")
            #expect(it.sink.saved == [.init(name: "a.txt", bytes: Array("one two".utf8))])
        }
    }

    // MARK: 3. Late writers

    @Test func `keeps the inode of a file that is this user's alone`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            mkdir("\(directory)/inbox", 0o755)
            write("x", to: "\(directory)/inbox/mine")

            let summary = try await takeOnce("\(directory)/inbox", into: sink)

            #expect(summary.taken == 1)
            #expect(sink.taken.map(\.isOurs) == [true])
        }
    }

    @Test func `has another user's file copied`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            mkdir("\(directory)/inbox", 0o755)
            write("x", to: "\(directory)/inbox/theirs")
            try #require(chown("\(directory)/inbox/theirs", 65534, 65534) == 0)

            let summary = try await takeOnce("\(directory)/inbox", into: sink)

            #expect(summary.taken == 1)
            #expect(sink.taken.map(\.isOurs) == [false])
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes what was written through another link after the take as a new drop`(_ kernel: KernelSource)
        async throws
    {
        let writeLate: @Sendable (DroppedFile) async throws -> Void = { drop in
            let outside = "\(drop.taken.inbox)/../outside"
            guard isThere(outside) else { return }
            write("late", to: outside)
            unlink(outside)
        }
        try await withDropFolder(kernel.source, sink: { DirectorySink($0, after: writeLate) }) { it in
            write("early", to: "\(it.directory)/outside")

            #expect(link("\(it.directory)/outside", it.path("a.txt")) == 0)

            await it.log.waitForTaken("a.txt", count: 2)
            #expect(Set(it.sink.saved.map(\.bytes)) == [Array("early".utf8), Array("latey".utf8)])
        }
    }

    // MARK: 4. Before the start

    @Test(arguments: KernelSource.allCases)
    func `takes files that lay there before the start`(_ kernel: KernelSource) async throws {
        let prepare = { (inbox: String) in
            write("a", to: "\(inbox)/a")
            mkdir("\(inbox)/sub", 0o755)
            write("b", to: "\(inbox)/sub/b")
        }
        try await withDropFolder(kernel.source, prepare: prepare) { it in
            await it.log.waitForTaken(count: 2)
            #expect(it.sink.savedNames == ["a", "sub/b"])
        }
    }
}
