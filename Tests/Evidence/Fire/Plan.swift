import TestSupport

/// A kind of writer, by what it does until its file lies in the drop folder and is done.
enum Writer: String, CaseIterable, Sendable {
    /// `cp` of many files.
    case copied = "cp"
    /// `cp -r` of nested directories.
    case trees = "cp -r"
    /// `mv` of files, or of nested directories, on one file system.
    case moved = "mv"
    /// `mv` from another file system.
    case movedAcross = "mv across file systems"
    /// `rsync -a`, in several of its ways.
    case synced = "rsync"
    /// A file that is done is renamed again and again.
    case renamed = "rename storms"
    /// A file is renamed again and again while it is written.
    case renamedOpen = "rename storms while open"
    /// The directory is renamed in which files are written.
    case directories = "renamed directories"
    /// Two files exchange their names, again and again.
    case exchanged = "exchanged names"
    /// A writer that pauses, truncates, and reopens before it closes.
    case paused = "pause, truncate, reopen"
    /// A file in the making under a name that says so, closed, opened again, and renamed.
    case parts = "names in the making"
    /// A file that is written elsewhere, or under no name, and linked into the folder.
    case linked = "links"
    /// A file under a name that another one had before.
    case again = "names used again"
    /// A file that shows that the watcher watches.
    case canary = "canaries"
    /// A file that is renamed some thousand times while the watcher is stopped.
    case stall = "renamed during stalls"

    /// The writers that a plan is made of, each with its share of the batches and the sizes of a batch.
    static let planned: [(writer: Writer, share: Int, sizes: ClosedRange<Int>)] = [
        (.copied, 10, 60...200), (.trees, 8, 60...200), (.moved, 9, 60...200), (.movedAcross, 6, 60...200),
        (.synced, 8, 60...200), (.renamed, 16, 10...40), (.renamedOpen, 12, 10...40), (.directories, 12, 10...40),
        (.exchanged, 8, 10...40), (.paused, 12, 10...40), (.parts, 12, 10...40), (.linked, 12, 10...40),
        (.again, 8, 4...10),
    ]
}

/// Files that one writer drops together.
struct DropBatch: Sendable {
    let number: Int
    let writer: Writer
    let files: Range<Int>
    /// Decides whatever the writer chooses.
    let seed: UInt64
}

/// What is dropped, in which order, as a seed decides.
enum Plan {
    static func batches(files: Int, seed: UInt64, without skipped: Set<Writer>) -> [DropBatch] {
        var generator = SeededGenerator(seed: seed)
        let writers = Writer.planned.filter { !skipped.contains($0.writer) }
        let shares = writers.flatMap { Array(repeating: $0.writer, count: $0.share) }
        // A small run has each of them, too.
        var first = writers.map(\.writer).shuffled(using: &generator)
        var batches: [DropBatch] = []
        var next = 0
        while next < files {
            let writer = first.popLast() ?? shares.randomElement(using: &generator) ?? .copied
            let sizes = writers.first { $0.writer == writer }?.sizes ?? 1...1
            let most = files < 5000 ? min(sizes.upperBound, 80) : sizes.upperBound
            let count = min(Int.random(in: min(sizes.lowerBound, most)...most, using: &generator), files - next)
            batches.append(
                DropBatch(number: batches.count, writer: writer, files: next..<next + count, seed: generator.next())
            )
            next += count
        }
        return batches
    }
}
