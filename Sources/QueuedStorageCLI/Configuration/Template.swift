/// What `qstore init` writes.
enum Template {
    static let text = """
        # The configuration of qstore. Relative paths begin at this file's directory. Times are such as 60s, 10m, 1h30m, 2d.
        # Check it with: qstore config check        Its schema: Schemas/json/config.schema.json
        # Passwords and keys never belong in here: they come from the environment, or from files of their own.

        # The database that knows every file and every transfer. Not on a network file system.
        # The environment variable QSTORE_DATABASE wins over this.
        database: qstore.sqlite

        # How many transfers run at the same time in each process: 4 if nothing is said, but up to 64 of small files that go to
        # a directory. QSTORE_WORKERS and --workers win over this.
        #workers: 4
        # How long running transfers may go on after SIGTERM or Ctrl-C.
        #drainTimeout: 30s
        # How long events are kept for qstore events.
        #eventRetention: 7d

        # A storage is a local directory, where files are saved, and a remote, where they are brought.
        # Its alias (here: default) is how the database and the commands call it.
        storages:
          default:
            # Both directories must exist, and none may lie in the other.
            local: media
            # A directory, for instance a mounted one, or a URL such as file:///mnt/archive.
            remote: archive
            # true: files wait for qstore transfer, instead of being transferred at once.
            delayed: false
            # Transfer keeps the local copy; TransferAndDelete removes it once the remote's is proven.
            task: Transfer
            # How many retries follow the first try (or unlimited), and the delay before the first; later ones double.
            # Left out, QUEUED_STORAGE_RETRIES and QUEUED_STORAGE_RETRY_DELAY (in seconds) are asked, then 5 and 60s.
            #retries: 5
            #retryDelay: 60s
            # How long the local copy stays after TransferAndDelete.
            #localGrace: 0s
            # How long it stays at least where the remote can't promise that what it confirmed survives a loss of power
            # (FTP, WebDAV, MogileFS); then the remote's copy is compared once more.
            #durabilityGrace: 60s
            # What is compared where the remote vouches with no checksum: size, or readback for every byte.
            #verification: size
            # How many transfers may begin in a span of time, in each process: 2/s, 10/m, 100/h.
            #rateLimit: 100/m
            # Which side is read when both have a file: remote or local.
            #preferredSide: remote
            # Whether saving hashes bytes even where they can be cloned without being read.
            #hashesOnSave: false
            # How long a transfer may stand still before it is given up and tried again.
            #stallTimeout: 5m
            # How long it may take in all; without this, as long as it moves.
            #attemptTimeout: 6h
            # The addresses under which clients reach the remote and the local directory, for qstore url.
            #baseURL: https://files.example.org/
            #localBaseURL: https://www.example.org/media/
            # What cache keys begin with.
            #cachePrefix: queued_storage

        # Drop a file into one of these, and it is saved into a storage as soon as its writer is done.
        dropFolders:
          inbox:
            path: inbox
            storage: default
            # When to transfer: automatic (as the storage does), delayed, {after: 10m}, or {window: "22:00-06:00"}.
            mode: automatic
            # What to take and what to leave, by pattern; * stops at /, ** doesn't.
            #include: ["*.pdf", "scans/**"]
            #exclude: ["*.log"]
            # Names of files in the making, which are ignored; this replaces the built-in list.
            #ignore: ["*.part", "*.tmp", "*~"]
            #takesHiddenFiles: false
            # When the name is taken: rename the new file, replace the old one, or skip (into quarantine).
            onCollision: rename
            # How to know that the writer is done: lease (ask the kernel), {still: 30s}, or {marker: .done}.
            done: lease
            # Whether NAME.meta.json is about NAME: none, optional, or required (a file waits for it).
            sidecar: none
            # Whether emptied sub-directories are removed.
            prune: false
            # Where the kernel can't tell, a file must stand still for so long.
            #settleTime: 5s
            # How often everything is looked through anyway, and where events don't arrive at all.
            #rescanInterval: 15m
            #pollInterval: 10s
            # How long to wait before trying again what couldn't be done.
            #retryInterval: 60s
            # How much space must stay free on the disks; below it, files wait.
            #minimumFreeBytes: 64MiB
            # How many files are taken at once, and how many are saved at the same time; from what size on few are.
            #batchSize: 256
            #concurrency: 64
            #largeFileSize: 16MiB

        """
}
