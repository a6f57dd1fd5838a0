import CLinux
import FoundationEssentials
import Glibc
import QueuedStorageCore

/// What a look at a dropped file said.
enum Verdict {
    case ready(FoundFile)
    /// Somebody has it open for writing.
    case open
    /// The kernel can't say; the file must stand still for a while.
    case mustSettle(FoundFile, Duration)
    case waits(WaitingReason)
    /// It isn't there, or isn't a file.
    case nothing
    case problem(String)
}

/// Looks at dropped files.
struct Probe {
    let options: DropFolderOptions
    /// Whether leases can be believed: only these file systems know all who write.
    let hasLeases: Bool

    init(options: DropFolderOptions, fileSystem: Int64) {
        self.options = options
        hasLeases = Self.hasLeases(fileSystem)
    }

    static func hasLeases(_ fileSystem: Int64) -> Bool {
        [
            clinux_EXT4_SUPER_MAGIC, clinux_XFS_SUPER_MAGIC, clinux_BTRFS_SUPER_MAGIC, clinux_F2FS_SUPER_MAGIC,
            clinux_TMPFS_MAGIC,
        ].contains(fileSystem)
    }

    /// The name of a file system on which the kernel doesn't see what others do; nil for any other.
    static func nameOfPolled(_ fileSystem: Int64) -> String? {
        switch fileSystem {
        case clinux_NFS_SUPER_MAGIC: "NFS"
        case clinux_SMB_SUPER_MAGIC, clinux_SMB2_SUPER_MAGIC, clinux_CIFS_SUPER_MAGIC: "SMB"
        case clinux_FUSE_SUPER_MAGIC: "FUSE"
        case clinux_V9FS_MAGIC: "9P"
        case clinux_CEPH_SUPER_MAGIC: "Ceph"
        default: nil
        }
    }

    func look(at path: DropPath, in directory: Directory) -> Verdict {
        do {
            // By name first: opening a FIFO or a device does something.
            guard let named = try directory.status(path.name), named.isRegularFile else { return .nothing }
            var companions: [Companion] = []
            if case .marker(let suffix) = options.done {
                let marker = Companion.marker(suffix)
                guard try directory.status(marker.path(of: path).name)?.isRegularFile == true else {
                    return .waits(.marker)
                }
                companions.append(marker)
            }
            if options.sidecar != .none {
                let name = Companion.sidecar.path(of: path).name
                if try directory.status(name)?.isRegularFile == true {
                    if hasLeases, clinux_lease_probe(try directory.open(name).descriptor) == EAGAIN { return .open }
                    companions.append(.sidecar)
                } else if options.sidecar == .required {
                    return .waits(.sidecar)
                }
            }
            let file = try directory.open(path.name)
            let status = try file.status()
            guard status.isRegularFile else { return .nothing }
            var found = FoundFile(path: path, file: file, status: status, isLeased: false, companions: companions)
            let lease = hasLeases ? clinux_lease_probe(file.descriptor) : ENOTSUP
            if lease == EAGAIN { return .open }
            found.isLeased = lease == 0
            switch options.done {
            case .lease: return found.isLeased ? .ready(found) : .mustSettle(found, options.settleTime)
            case .still(let time): return .mustSettle(found, time)
            case .marker: return .ready(found)
            }
        } catch let error as SystemError {
            switch error.errno {
            case ENOENT, ELOOP, ENXIO, ENOTDIR: return .nothing
            case EACCES, EPERM: return .problem("the file can't be read (\(error))")
            default: return .problem("the file can't be looked at (\(error))")
            }
        } catch {
            return .problem("\(error)")
        }
    }
}
