@_exported public import QueuedStorageCore
@_exported public import QueuedStorageIngest
@_exported public import QueuedStorageModels
@_exported public import QueuedStorageSQLite
