/// Seeds whose histories have broken a promise, each with what was wrong with the code then.
///
/// A seed is a history of one version of the simulation: what is added to it makes another history of the same seed. So
/// each fault has a test of its own, too, where the code is that had it.
enum Regressions {
    static let seeds: [UInt64] = [
        // A file that was saved while somebody deleted its name, which nobody had yet, lost its bytes.
        6, 29, 36,
        // A worker read late, and sent what had got the file's name meanwhile; a deletion compared with that.
        11, 76, 112, 259,
        // A deletion whose name had become a directory didn't end.
        325,
        // A name on the remote was given anew while its deletion was still on its way; a file whose local copy a dead
        // process had removed already was sent again; a replacement waited for a restart to get its name.
        373, 642, 1107, 1268, 1434, 1921, 2481, 2498, 2575,
        // The bytes of a saved file that got another name were taken for settled, and thrown away as litter.
        1202, 3309,
        // A removal from the remote was done, but not noted; done again, it took what a stranger had put there since.
        4542, 9979,
    ]
}
