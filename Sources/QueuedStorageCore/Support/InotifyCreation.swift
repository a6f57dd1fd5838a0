package import Synchronization

/// Makers of inotify descriptors in this process take turns: how libinotifytools' own is found is by looking what came.
package let inotifyCreation = Mutex<Void>(())
