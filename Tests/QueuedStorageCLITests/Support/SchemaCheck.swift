import Foundation
import TestSupport
import Testing

/// Holds JSON against JSON Schemas, by Debian's `python3-jsonschema`.
enum SchemaCheck {
    private static let script = """
        import json, sys
        from jsonschema import Draft202012Validator
        schema = json.loads(sys.argv[1])
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        for line in sys.stdin:
            for error in validator.iter_errors(json.loads(line)):
                print(line.strip(), error.message)
        """

    /// What is wrong with some values; nothing if they are what the schema says.
    ///
    /// - Parameters:
    ///   - lines: JSON values, one a line.
    ///   - schema: The schema.
    ///   - sandbox: Where to run.
    /// - Returns: The complaints, one a line.
    /// - Throws: If the check itself can't run.
    static func complaints(about lines: [String], by schema: String, _ sandbox: Sandbox) async throws -> String {
        let outcome = try await sandbox.execute(
            "/usr/bin/env",
            ["python3", "-W", "ignore", "-c", script, schema],
            input: Data(lines.joined(separator: "\n").utf8)
        )
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.text
    }
}
