internal import CCurl
import QueuedStorageCore

/// One of libcurl's easy handles, with the lists and texts that it refers to.
final class EasyHandle {
    let easy: UnsafeMutableRawPointer?
    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    private(set) var failure: CURLcode?
    /// Whether it must not be used again.
    var isUsedUp = false
    /// Where libcurl says what went wrong, in words.
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    init() {
        easy = curl_easy_init()
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(easy)
        lists.forEach(curl_slist_free_all)
        errorText.deallocate()
    }

    /// What libcurl says went wrong.
    var errorMessage: String { String(cString: errorText) }

    /// Makes the handle fit for another request; its connections and what it knows of hosts stay.
    ///
    /// - Returns: Whether it can be used again.
    func reset() -> Bool {
        guard easy != nil, !isUsedUp else { return false }
        curl_easy_reset(easy)
        lists.forEach(curl_slist_free_all)
        lists = []
        failure = nil
        errorText[0] = 0
        return true
    }

    func collectErrors() { check(ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)) }

    func set(_ option: CURLoption, _ value: String?) { check(ccurl_set_string(easy, option, value)) }

    func set(_ option: CURLoption, _ value: Int) { check(ccurl_set_long(easy, option, value)) }

    func set(_ option: CURLoption, _ value: Bool) { set(option, value ? 1 : 0) }

    func set(_ option: CURLoption, offset: Int64) { check(ccurl_set_offset(easy, option, curl_off_t(offset))) }

    func set(_ option: CURLoption, milliseconds duration: Duration) {
        set(option, Int(max(1, duration.milliseconds)))
    }

    func set(_ option: CURLoption, context: UnsafeMutableRawPointer) { check(ccurl_set_pointer(easy, option, context)) }

    func set(_ option: CURLoption, _ lines: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                check(CURLE_OUT_OF_MEMORY)
                break
            }
            list = longer
        }
        guard let list else { return }
        lists.append(list)
        check(ccurl_set_list(easy, option, list))
    }

    func check(_ code: CURLcode) { if code != CURLE_OK, failure == nil { failure = code } }

    func number(_ info: CURLINFO) -> Int {
        var value = 0
        return ccurl_get_long(easy, info, &value) == CURLE_OK ? value : 0
    }

    func offset(_ info: CURLINFO) -> Int64 {
        var value: curl_off_t = -1
        return ccurl_get_offset(easy, info, &value) == CURLE_OK ? Int64(value) : -1
    }

    func text(_ info: CURLINFO) -> String? {
        var value: UnsafePointer<CChar>?
        guard ccurl_get_string(easy, info, &value) == CURLE_OK, let value else { return nil }
        return String(cString: value)
    }
}
