internal import Foundation
internal import FoundationXML

/// An element of an XML answer, by local names: what S3 sends has no attributes that matter.
package struct XMLNode: Sendable {
    /// The element's name, without a prefix.
    package let name: String
    /// The text that lies in it directly.
    package fileprivate(set) var text = ""
    /// The elements in it, in order.
    package fileprivate(set) var children: [XMLNode] = []

    fileprivate init(name: String) { self.name = name }

    /// Reads a document.
    ///
    /// - Parameter bytes: The document; entities of its own are not looked up.
    /// - Returns: Its outermost element; nil if it isn't well-formed.
    package static func parse(_ bytes: [UInt8]) -> XMLNode? {
        // The parser traps at names that aren't UTF-8; S3 says nothing else.
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        let parser = XMLParser(data: Data(bytes))
        parser.shouldProcessNamespaces = true
        parser.shouldResolveExternalEntities = false
        let builder = Builder(limit: 2 * bytes.count)
        parser.delegate = builder
        guard parser.parse(), !builder.isTooLarge else { return nil }
        return builder.root
    }

    /// The first element of a name in it.
    package subscript(name: String) -> XMLNode? { children.first { $0.name == name } }

    /// The elements of a name in it, in order.
    package func all(_ name: String) -> [XMLNode] { children.filter { $0.name == name } }

    private final class Builder: NSObject, XMLParserDelegate {
        private static let maxDepth = 100
        var root: XMLNode?
        private var open: [XMLNode] = []
        /// How many bytes of text may still come: entities make more of a document than it has.
        private var rest: Int

        init(limit: Int) { rest = limit }

        var isTooLarge: Bool { rest < 0 }

        func parser(
            _ parser: XMLParser,
            didStartElement elementName: String,
            namespaceURI: String?,
            qualifiedName qName: String?,
            attributes attributeDict: [String: String] = [:]
        ) {
            guard open.count < Self.maxDepth else {
                rest = -1
                return parser.abortParsing()
            }
            open.append(XMLNode(name: elementName))
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) {
            rest -= string.utf8.count
            guard !isTooLarge else { return parser.abortParsing() }
            if !open.isEmpty { open[open.count - 1].text += string }
        }

        func parser(
            _ parser: XMLParser,
            didEndElement elementName: String,
            namespaceURI: String?,
            qualifiedName qName: String?
        ) {
            guard let done = open.popLast() else { return }
            if open.isEmpty { root = done } else { open[open.count - 1].children.append(done) }
        }
    }

    /// Writes a text as the content of an element.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\r", "\n", "\t": result += "&#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
