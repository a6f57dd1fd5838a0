import QueuedStorageTransport
import Testing

@Suite struct XMLTreeTests {
    @Test func `reads elements, namespaces, attributes and text`() throws {
        let text = """
            <?xml version="1.0"?>
            <d:a xmlns:d="DAV:" n="1"> x &amp; <d:b>é</d:b><![CDATA[<y>]]><c/><d:b/></d:a>
            """

        let root = try #require(XMLTree.parse(Array(text.utf8)))

        #expect(root.name == "a")
        #expect(root.namespace == "DAV:")
        #expect(root.attributes["n"] == "1")
        #expect(root.trimmedText == "x & <y>")
        #expect(root["b"]?.text == "é")
        #expect(root.all("b").count == 2)
        #expect(root["missing"] == nil)
    }

    @Test(arguments: ["", "text", "<a>", "<a></b>", "<a/><b/>", "{}", "<a>\u{1}</a>"])
    func `reads nothing that isn't well-formed`(_ text: String) {
        #expect(XMLTree.parse(Array(text.utf8)) == nil)
    }

    @Test func `reads nothing outside the document, and lets nothing grow without end`() {
        let external = "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>"
        let nested = String(repeating: "<a>", count: 200) + String(repeating: "</a>", count: 200)
        let levels = (1...9).map { "<!ENTITY e\($0) \"\(String(repeating: "&e\($0 - 1);", count: 10))\">" }.joined()
        let bomb = "<!DOCTYPE a [<!ENTITY e0 \"xxxxxxxxxx\">\(levels)]><a>&e9;</a>"

        #expect(XMLTree.parse(Array(external.utf8))?.text.contains("root") != true)
        #expect(XMLTree.parse(Array(nested.utf8)) == nil)
        #expect((XMLTree.parse(Array(bomb.utf8))?.text.utf8.count ?? 0) < 1 << 20)
    }

    @Test func `escapes text, also for attributes`() {
        let text = "a<b>&\"'\n\té"

        #expect(XMLTree.parse(Array("<a b=\"\(text.xmlEscaped)\"/>".utf8))?.attributes["b"] == text)
        #expect(XMLTree.parse(Array("<a>\(text.xmlEscaped)</a>".utf8))?.text == text)
    }
}
