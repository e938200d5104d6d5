//! What helps to type: manual pages, completions, suggestions, colours.

use std::process::{Command, Output, Stdio};

fn citesift(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
    command.args(args.split_whitespace()).stdin(Stdio::null());
    command.env_remove("NO_COLOR");
    command
}

fn run(args: &str) -> Output {
    citesift(args).output().unwrap()
}

fn printed(args: &str) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args}");
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The long flags that a help names at the beginning of a line.
fn flags(help: &str) -> Vec<String> {
    let words = help.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| !(word.starts_with('-') && word.ends_with(',')))
    });
    let flags = words.filter_map(|word| word.strip_prefix("--"));
    let names = flags.map(|flag| {
        let end = flag.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        flag[..end.unwrap_or(flag.len())].to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_help_says_which_pages_a_limit_counts() {
    let help = printed("--help");
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("Stop when N report pages have come out. Those that are dropped"));
}

#[test]
fn completions_know_every_flag_and_subcommand() {
    let flags = flags(&printed("--help"));
    assert!(flags.len() > 20, "{flags:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&format!("completions {shell}"));
        for word in flags
            .iter()
            .map(String::as_str)
            .chain(["verify", "merge", "seen", "schema"])
        {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let output = run("completions tcsh");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("possible values: bash"),
        "{}",
        said(&output)
    );
}

#[cfg(unix)]
#[test]
fn bash_takes_its_script_and_completes_with_it() {
    let script = format!(
        "set -eu\n{}\nCOMP_WORDS=(citesift --dup)\nCOMP_CWORD=1\n\
         _citesift citesift --dup citesift\necho \"${{COMPREPLY[@]}}\"",
        printed("completions bash")
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        found.trim_end(),
        "--duplicates",
        "{}",
        said_of(&output.stderr)
    );
}

#[cfg(unix)]
fn said_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_manual_pages_say_what_the_help_says() {
    let plain = |page: &str| {
        page.replace("\\-", "-")
            .replace("\\fB", "")
            .replace("\\fR", "")
    };
    for (page, help) in [
        ("man", "--help"),
        ("man verify", "verify --help"),
        ("man merge", "merge --help"),
    ] {
        let page = plain(&printed(page));
        for flag in flags(&printed(help)) {
            assert!(page.contains(&format!("--{flag}")), "{flag}");
        }
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH \"EXIT CODES\""] {
            assert!(page.contains(section), "{section}");
        }
    }
    let page = plain(&printed("man"));
    assert!(page.contains(".SH \"EXAMPLES\"\n.nf\n\\&  citesift pages/ -o reports.ndjson"));
    // Every page that it names is there.
    let names = page.split("citesift-").skip(1);
    let names: Vec<_> = names.filter_map(|rest| rest.split_once("(1)")).collect();
    assert!(names.len() >= 5, "{names:?}");
    for (name, _) in names {
        assert!(plain(&printed(&format!("man {name}"))).contains(&format!("citesift-{name}")));
    }
    let output = run("man verfy");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("name one of seen,"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_mistyped_flag_is_told_with_the_one_that_was_meant() {
    for (typed, meant) in [
        ("--dedpu run", "--dedup"),
        ("--stat x", "--stats"),
        ("--dryrun", "--dry-run"),
        ("--output-file x", "--output"),
        ("verify a b --emti reports", "--emit"),
    ] {
        let output = run(typed);
        assert_eq!(output.status.code(), Some(2), "{typed}");
        let said = said(&output);
        assert!(said.contains(&format!("'{meant}'")), "{typed}: {said}");
    }
}

#[test]
fn messages_have_colours_where_they_are_asked_for() {
    // One is refused by the parser of flags, the other behind it.
    for wrong in ["--emit csv", "a.txt -o x.csv", "verify - -"] {
        let is_coloured = |args: &str, no_color: &str| {
            let mut command = citesift(&format!("{wrong} {args}"));
            let output = command.env("NO_COLOR", no_color).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{wrong} {args}");
            let said = said(&output);
            assert!(said.contains("error:"), "{said}");
            said.contains("\u{1b}[")
        };
        assert!(!is_coloured("", ""), "{wrong}");
        assert!(!is_coloured("--color never", ""), "{wrong}");
        assert!(is_coloured("--color always", ""), "{wrong}");
        assert!(is_coloured("--color=always", "1"), "{wrong}");
    }
    assert!(printed("--color always --help").contains("\u{1b}["));
    assert!(!printed("--help").contains("\u{1b}["));
}

/// On a terminal, which is where `auto` has something to decide.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_has_colours_unless_no_color_is_set() {
    let citesift = env!("CARGO_BIN_EXE_citesift");
    let shown = |before: &str, args: &str| {
        let line = format!("env -u NO_COLOR TERM=xterm {before} {citesift} {args} a.txt -o x.tsv");
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null())
            .output();
        // Part of every Linux's base.
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(text.contains("promises tsv"), "{text}");
        text.contains("\u{1b}[")
    };
    assert!(shown("", ""));
    assert!(!shown("NO_COLOR=1", ""));
    assert!(!shown("", "--color never"));
}
