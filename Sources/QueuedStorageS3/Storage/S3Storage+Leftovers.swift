internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

extension S3Storage: LeftoverStorage {
    /// Finds the uploads below the location that nobody completed or abandoned.
    public func leftovers() async throws -> [Leftover] {
        var found: [Leftover] = []
        var marker: [(name: String, value: String)]? = []
        while let position = marker {
            let page = try await client.document(
                S3Request(
                    "GET",
                    nil,
                    verb: "searched for unfinished uploads",
                    query: [("uploads", ""), ("prefix", location.prefix), ("encoding-type", "url")] + position
                )
            )
            // Servers that don't know the encoding don't name it in their answer.
            let isEncoded = page["EncodingType"] != nil
            let key = { (text: String) in isEncoded ? S3Encoding.listedKey(text) : text }
            for upload in page.all("Upload") {
                guard let id = upload["UploadId"]?.text, let key = upload["Key"].flatMap({ key($0.text) }),
                    let name = location.name(key)
                else { continue }
                found.append(
                    Leftover(
                        id: UploadRecord(key: key, uploadID: id).text,
                        purpose: name,
                        touchedAt: upload["Initiated"].flatMap { S3Time.timestamp($0.text) }
                    )
                )
            }
            marker = nil
            if page["IsTruncated"]?.text == "true", let last = page["NextKeyMarker"].flatMap({ key($0.text) }) {
                marker = [("key-marker", last)]
                if let id = page["NextUploadIdMarker"]?.text, id != "" { marker?.append(("upload-id-marker", id)) }
                guard marker?.map(\.value) != position.map(\.value) else {
                    throw StorageError(
                        .failed,
                        "Unfinished uploads in the bucket \"\(bucket)\" can't be listed: the same page comes for ever."
                    )
                }
            }
        }
        return found
    }

    /// Makes the server forget an unfinished upload.
    public func remove(_ leftover: Leftover) async throws {
        guard let record = UploadRecord(leftover.id), location.name(record.key) != nil else {
            throw StorageError(
                .failed,
                "\(FileName.quoted(leftover.purpose)) isn't a left-over upload of this storage."
            )
        }
        try await abort(record.uploadID, record.key, leftover.purpose)
    }
}
