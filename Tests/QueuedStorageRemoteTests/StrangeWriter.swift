import TestSupport

/// Another program that writes to the SQLite database of a remote, and so holds back whoever else wants to.
struct StrangeWriter: Sendable {
    private let process: TestProcess

    /// Waits until an upload has so many chunks, and holds every writer back from then on.
    init(_ path: String, after count: Int) throws {
        // What is written once it let go is noted by a trigger.
        let script = """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
            while True:
                database.execute('BEGIN IMMEDIATE')
                upload, held = database.execute(
                    'SELECT max(f.id), count(*) FROM storedFile f JOIN storedFile_chunk c ON c.file = f.id '
                    'WHERE f.upload IS NOT NULL').fetchone()
                if held >= int(sys.argv[2]):
                    break
                database.execute('ROLLBACK')
            database.execute('CREATE TABLE written (number INTEGER)')
            database.execute('CREATE TRIGGER writing AFTER INSERT ON storedFile_chunk '
                             f'WHEN new.file = {upload} BEGIN INSERT INTO written VALUES (new.number); END')
            print(held, flush=True)
            sys.stdin.readline()
            database.execute('COMMIT')
            print('free', flush=True)
            sys.stdin.readline()
            print(database.execute('SELECT min(number) FROM written').fetchone()[0], flush=True)
            """
        process = try TestProcess("/usr/bin/python3", ["-c", script, path, "\(count)"])
    }

    /// Waits until nobody else can write; how many chunks there are.
    func holdsBack() async -> Int? { await process.wait { $0.lines.first }.flatMap { Int($0) } }

    /// Lets others write again.
    func letGo() async {
        process.write("\n")
        _ = await process.wait { $0.lines.count > 1 ? $0.lines[1] : nil }
    }

    /// The number of the first chunk that was written since.
    func firstChunkSince() async -> Int? {
        process.write("\n")
        return await process.wait { $0.lines.count > 2 ? $0.lines[2] : nil }.flatMap { Int($0) }
    }
}
