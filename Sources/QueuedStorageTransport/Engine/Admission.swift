/// Decides whose turn it is, so that no host gets more connections than it may.
struct Admission<Element> {
    private let limit: Int
    private let limitPerHost: Int
    private var waiting: [String: [Element]] = [:]
    private var running: [String: Int] = [:]
    private var runningCount = 0

    init(limit: Int, perHost: Int) {
        self.limit = max(1, limit)
        limitPerHost = max(1, perHost)
    }

    /// Takes a request.
    ///
    /// - Returns: Whether it may begin now; else it waits.
    mutating func admit(_ element: Element, host: String) -> Bool {
        guard runningCount < limit, running[host, default: 0] < limitPerHost else {
            waiting[host, default: []].append(element)
            return false
        }
        begin(host)
        return true
    }

    /// Takes note that a request ended.
    ///
    /// - Returns: The one that begins in its place.
    mutating func release(host: String) -> Element? {
        runningCount -= 1
        let left = running[host, default: 1] - 1
        running[host] = left > 0 ? left : nil
        let next = waiting[host] != nil ? host : waiting.keys.first { running[$0, default: 0] < limitPerHost }
        guard runningCount < limit, let next, let element = waiting[next]?.removeFirst() else { return nil }
        if waiting[next]?.isEmpty == true { waiting[next] = nil }
        begin(next)
        return element
    }

    /// Forgets those that needn't begin any more.
    mutating func removeWaiting(host: String, where isUnwanted: (Element) -> Bool) {
        waiting[host]?.removeAll(where: isUnwanted)
        if waiting[host]?.isEmpty == true { waiting[host] = nil }
    }

    /// All that wait.
    var allWaiting: [Element] { waiting.values.flatMap(\.self) }

    private mutating func begin(_ host: String) {
        running[host, default: 0] += 1
        runningCount += 1
    }
}
