private import FoundationXML
private import Foundation

/// An element of an XML document, with its children; what remotes answer is small enough to be held as a tree.
package struct XMLTree: Hashable, Sendable {
    /// The name without its prefix.
    package var name: String
    /// The namespace that the prefix stands for; empty if there is none.
    package var namespace: String
    /// The attributes by their names as they were written.
    package var attributes: [String: String]
    /// The elements directly below.
    package var children: [XMLTree]
    /// The characters directly below, in order, with those of the elements between them left out.
    package var text: String

    /// Makes an element.
    package init(
        _ name: String,
        namespace: String = "",
        attributes: [String: String] = [:],
        text: String = "",
        children: [XMLTree] = []
    ) {
        self.name = name
        self.namespace = namespace
        self.attributes = attributes
        self.text = text
        self.children = children
    }

    /// Reads a document, and nothing outside of it.
    ///
    /// - Parameter bytes: The whole document.
    /// - Returns: Its root; nil if the bytes aren't well-formed XML.
    package static func parse(_ bytes: [UInt8]) -> XMLTree? {
        // The parser traps at names that aren't UTF-8; no server of ours says anything else.
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        let parser = XMLParser(data: Data(bytes))
        parser.shouldProcessNamespaces = true
        parser.shouldResolveExternalEntities = false
        let builder = Builder(limit: 2 * bytes.count)
        parser.delegate = builder
        guard parser.parse(), parser.parserError == nil, !builder.isTooLarge else { return nil }
        return builder.root
    }

    /// The first element directly below of a name, in whatever namespace.
    package subscript(_ name: String) -> XMLTree? { children.first { $0.name == name } }

    /// All elements directly below of a name, in whatever namespace.
    package func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }

    /// The text without white space around it.
    package var trimmedText: String { text.trimmingCharacters(in: .whitespacesAndNewlines) }

    /// Collects what the parser says.
    private final class Builder: NSObject, XMLParserDelegate {
        /// Deeper than anything that a storage says.
        private static let maxDepth = 100
        private var open: [XMLTree] = []
        /// How many bytes of text may still come: entities make more of a document than it has.
        private var rest: Int
        var root: XMLTree?

        init(limit: Int) { rest = limit }

        var isTooLarge: Bool { rest < 0 }

        private func note(_ byteCount: Int, _ parser: XMLParser) -> Bool {
            rest -= byteCount
            if isTooLarge { parser.abortParsing() }
            return !isTooLarge
        }

        func parser(
            _ parser: XMLParser,
            didStartElement name: String,
            namespaceURI: String?,
            qualifiedName: String?,
            attributes: [String: String]
        ) {
            guard open.count < Self.maxDepth else { return parser.abortParsing() }
            guard note(attributes.values.reduce(0) { $0 + $1.utf8.count }, parser) else { return }
            open.append(XMLTree(name, namespace: namespaceURI ?? "", attributes: attributes))
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) {
            guard note(text.utf8.count, parser) else { return }
            if !open.isEmpty { open[open.count - 1].text += text }
        }

        func parser(_ parser: XMLParser, foundCDATA block: Data) {
            if !open.isEmpty { open[open.count - 1].text += String(decoding: block, as: UTF8.self) }
        }

        func parser(_ parser: XMLParser, didEndElement: String, namespaceURI: String?, qualifiedName: String?) {
            guard let element = open.popLast() else { return }
            if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
        }
    }
}

extension String {
    /// The text as it stands in XML, in content and in attributes.
    package var xmlEscaped: String {
        var result = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&apos;"
            case "\r", "\n", "\t": result += "&#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
