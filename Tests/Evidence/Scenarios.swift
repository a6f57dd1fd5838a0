extension Scenario {
    /// Whatever a scenario needs to be there already: a database and private folders, of a storage that was used before.
    private static let used = Command(
        "save was.txt was.bin",
        files: ["was.bin": "was there"],
        saves: ["was there"],
        says: "was.txt"
    )
    private static let transferred = Command("worker --once")
    private static let replaced = Command(
        "save a.txt second.bin --replace",
        files: ["second.bin": "second"],
        saves: ["second"],
        removes: ["first"],
        says: "a.txt"
    )

    private static func save(_ flags: String = "", _ content: String = "precious", as name: String = "a.txt") -> Command
    {
        Command("save \(name) \(content).bin\(flags)", files: ["\(content).bin": content], saves: [content], says: name)
    }

    private static let burst = (10..<26).map { "drop\($0)" }

    static let all: [Scenario] = [
        Scenario(
            name: "first",
            summary: "the first save of all, which makes the database; its transfer",
            commands: [save(), Command("worker --once")],
            // Where there is no database yet, only a save makes one.
            recovery: [save("", "another", as: "b.txt"), Command("worker --once")]
        ),
        Scenario(
            name: "transfer",
            summary: "save, then a worker with Transfer",
            before: [used, transferred],
            commands: [save(), Command("worker --once")],
            isSmall: true
        ),
        Scenario(
            name: "transfer-and-delete",
            summary: "save, then a worker with TransferAndDelete",
            before: [
                Command(
                    "save was.txt was.bin --task TransferAndDelete",
                    files: ["was.bin": "was there"],
                    saves: ["was there"],
                    says: "was.txt"
                ), transferred,
            ],
            commands: [save(" --task TransferAndDelete"), Command("worker --once")],
            keepsLocal: false
        ),
        Scenario(
            name: "replace",
            summary: "replace a file that is over there, then a worker",
            before: [save("", "first"), transferred],
            commands: [replaced, Command("worker --once")],
            alternatives: [["first", "second"]]
        ),
        Scenario(
            name: "replace-queued",
            summary: "replace a file that still waits, then a worker",
            before: [save("", "first")],
            commands: [replaced, Command("worker --once")],
            alternatives: [["first", "second"]]
        ),
        Scenario(
            name: "rm",
            summary: "delete a file that is on both sides",
            before: [save("", "first"), transferred, used, transferred],
            commands: [Command("rm a.txt", removes: ["first"])],
            isSmall: true
        ),
        Scenario(
            name: "rm-queued",
            summary: "delete a file that still waits",
            before: [save("", "first")],
            commands: [Command("rm a.txt", removes: ["first"])]
        ),
        Scenario(
            name: "drop",
            summary: "a drop folder with a file and one in a sub-directory: take, catalog, transfer",
            before: [used, Command("watch inbox --once")],
            commands: [
                Command(
                    "watch inbox --once",
                    files: ["inbox/d.txt": "dropped", "inbox/sub/e.txt": "dropped below"],
                    saves: ["dropped", "dropped below"],
                    tells: ["dropped": "taken d.txt", "dropped below": "taken sub/e.txt"]
                )
            ],
            recovery: [Command("watch inbox --once")],
            dropped: ["dropped", "dropped below"]
        ),
        Scenario(
            name: "burst",
            summary: "sixteen files dropped at once, which are made durable together",
            before: [used, Command("watch inbox --once")],
            commands: [
                Command(
                    "watch inbox --once",
                    files: Dictionary(uniqueKeysWithValues: burst.map { ("inbox/\($0).txt", $0) }),
                    saves: burst,
                    tells: Dictionary(uniqueKeysWithValues: burst.map { ($0, "taken \($0).txt") })
                )
            ],
            recovery: [Command("watch inbox --once")],
            dropped: Set(burst)
        ),
        Scenario(
            name: "drop-first",
            summary: "the first drop of all, which makes the database; TransferAndDelete",
            commands: [
                Command(
                    "watch inbox --once --task TransferAndDelete",
                    files: ["inbox/d.txt": "dropped"],
                    saves: ["dropped"]
                )
            ],
            recovery: [Command("watch inbox --once --task TransferAndDelete")],
            keepsLocal: false,
            dropped: ["dropped"]
        ),
        Scenario(
            name: "quarantine",
            summary: "a drop that can't be taken, as its name isn't UTF-8, beside one that can",
            before: [used, Command("watch inbox --once")],
            commands: [
                Command(
                    "watch inbox --once",
                    files: ["inbox/bad%FF.txt": "refused", "inbox/good.txt": "dropped"],
                    saves: ["dropped"]
                )
            ],
            recovery: [Command("watch inbox --once")],
            quarantined: ["refused"],
            dropped: ["dropped", "refused"]
        ),
        Scenario(
            name: "get",
            summary: "reading a file that still waits, and one that is over there: changes nothing",
            before: [used, transferred, save("", "first")],
            commands: [Command("get a.txt"), Command("get was.txt")],
            isSmall: true
        ),
        Scenario(
            name: "model",
            summary: "a model's row with two file fields, in an application's own database",
            before: [.model("save-model insert one two", saves: ["one", "two"]), transferred],
            commands: [
                .model("save-model insert three four", saves: ["three", "four"]), Command("worker --once"),
            ],
            together: [["three", "four"]]
        ),
        Scenario(
            name: "model-replace",
            summary: "both fields of a model's row replaced",
            before: [.model("save-model insert one two", saves: ["one", "two"]), transferred],
            commands: [
                .model("save-model update three four", saves: ["three", "four"], removes: ["one", "two"]),
                Command("worker --once"),
            ],
            alternatives: [["one", "three"], ["two", "four"]],
            together: [["one", "two"], ["three", "four"]]
        ),
        Scenario(
            name: "race-workers",
            summary: "a worker is paused, another does all, the first wakes late",
            before: [used, transferred, save()],
            commands: [Command("worker --once")],
            meanwhile: Command("worker --once")
        ),
        Scenario(
            name: "race-replace",
            summary: "a worker is paused, the file is replaced and transferred, the worker wakes late",
            before: [save("", "first")],
            commands: [Command("worker --once")],
            meanwhile: Command(
                "save a.txt second.bin --replace",
                files: ["second.bin": "second"],
                saves: ["second"],
                removes: ["first"],
                says: "a.txt"
            ),
            alternatives: [["first", "second"]]
        ),
        Scenario(
            name: "race-rm",
            summary: "a worker is paused, the file is deleted, the worker wakes late",
            before: [save("", "first")],
            commands: [Command("worker --once")],
            meanwhile: Command("rm a.txt", removes: ["first"])
        ),
        Scenario(
            name: "race-saves",
            summary: "a save is paused, another saves the same name, the first wakes late",
            before: [used, transferred],
            commands: [save()],
            meanwhile: Command("save a.txt other.bin", files: ["other.bin": "other"], saves: ["other"], says: "a")
        ),
        Scenario(
            name: "race-save-worker",
            summary: "a save is paused, a worker recovers and transfers, the save wakes late",
            before: [used, transferred],
            commands: [save()],
            meanwhile: Command("worker --once")
        ),
        Scenario(
            name: "race-watchers",
            summary: "a drop folder's watcher is paused, another comes, the first wakes late",
            before: [used, Command("watch inbox --once")],
            commands: [Command("watch inbox --once", files: ["inbox/d.txt": "dropped"], saves: ["dropped"])],
            meanwhile: Command("watch inbox --once"),
            recovery: [Command("watch inbox --once")],
            dropped: ["dropped"]
        ),
    ]
}
