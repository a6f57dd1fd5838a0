internal import Glibc

extension StorageError {
    /// Says in a sentence what the system's refusal means for a file.
    ///
    /// - Parameters:
    ///   - verb: What failed, such as `stored`.
    ///   - name: The file's name.
    ///   - error: What was thrown; errors that say enough are returned as they are.
    /// - Returns: A ``StorageError`` for a ``SystemError``; any other error as it is.
    package static func couldNot(_ verb: String, _ name: String, _ error: any Error) -> any Error {
        guard let error = error as? SystemError else { return error }
        let (code, reason) = error.meaning
        return StorageError(
            code,
            name: name,
            "\(name == "" ? "A file" : "The file \(FileName.quoted(name))") couldn't be \(verb): \(reason).",
            cause: error
        )
    }
}

extension SystemError {
    /// What an errno is to a storage, why it happened, and what helps.
    fileprivate var meaning: (StorageError.Code, String) {
        switch errno {
        case ENOENT: (.notFound, "there is no such file")
        case EEXIST: (.alreadyExists, "the name is taken")
        case EISDIR: (.isDirectory, "it is a directory")
        case ENOTEMPTY: (.isDirectory, "it is a directory and not empty")
        case ENOTDIR: (.notADirectory, "a file stands where its directory should be")
        case ENAMETOOLONG: (.invalidName, "the name is too long for the file system")
        case EXDEV where call == "openat2": (.invalidName, "a symbolic link on the way leads out of the storage")
        case ELOOP: (.invalidName, "there are symbolic links on the way that the storage doesn't follow")
        case ENOSPC: (.full, "no space is left on the file system; free some, and try again")
        case EDQUOT: (.full, "the disk quota is used up; free some space or raise it, and try again")
        case EROFS: (.denied, "the file system is mounted read-only")
        case EACCES, EPERM:
            (.denied, "user \(geteuid()) isn't permitted to; look at the owner and mode of its directory")
        case ESTALE, ENOTCONN, EHOSTDOWN, ENODEV: (.offline, "the file system went away")
        case EMFILE, ENFILE: (.failed, "too many files are open; raise the limit (ulimit -n)")
        case ENOSYS where call == "openat2": (.failed, "the kernel lacks openat2; Linux 5.6 or later is needed")
        case EIO: (.failed, "the disk reports an input or output error")
        default: (.failed, String(cString: strerror(errno)))
        }
    }
}
