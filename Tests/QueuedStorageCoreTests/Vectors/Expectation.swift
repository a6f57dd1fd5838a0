import QueuedStorageCore
import TestSupport
import Testing

/// Holds what a call does against what was observed, or against what we promise instead.
func check(_ vector: Vector, _ call: () async throws -> JSON) async {
    let result: JSON
    do {
        result = try await call()
    } catch let error as StorageError {
        switch Deviation.of(vector)?.instead {
        case .error(let code): #expect(error.code == code, "\(vector.id): \(error)")
        case nil:
            let codes = StorageError.Code.like(vector.error ?? "")
            #expect(codes.contains(error.code), "\(vector.id) \(vector.error ?? "is no error"): \(error)")
        default: Issue.record("\(vector.id): \(error)")
        }
        return
    } catch {
        Issue.record("\(vector.id): \(error)")
        return
    }
    switch Deviation.of(vector)?.instead {
    case .value(let value): #expect(result == value, "\(vector.id)")
    case nil where vector.error == nil: #expect(result == vector.output ?? .null, "\(vector.id)")
    case .error(let code): Issue.record("\(vector.id): \(result) instead of \(code)")
    default: Issue.record("\(vector.id): \(result) instead of \(vector.error ?? "nothing")")
    }
}

extension Vector {
    /// Whether there is nothing in Swift to hold it against.
    var isMeaningless: Bool {
        if case .nothing = Deviation.of(self)?.instead { true } else { false }
    }
}
