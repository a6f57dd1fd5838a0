import Logging

extension World {
    /// Where a process logs: into the history.
    func logger(_ process: SimulatedProcess) -> Logger {
        Logger(label: process.name) { _ in SimulatedLog(process: process) }
    }
}

/// Writes what the code says into the history's log.
private struct SimulatedLog: LogHandler {
    let process: SimulatedProcess
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // Said aloud, this is all that can be done: bytes whose checksum nobody could note in time stay where they may lie.
        if "\(event.message)".contains("can't be told from somebody else's"), let name = event.metadata?["remoteName"] {
            process.world.server.taint("\(name)")
        }
        let values = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        process.world.note("\(process.name) says: \(event.message) \(values.joined(separator: " "))")
    }
}
