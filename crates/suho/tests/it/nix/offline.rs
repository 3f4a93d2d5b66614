use std::{collections::BTreeSet, fs, path::Path};

use super::nix;
use crate::{root, run};

/// What a text uses of `prefix`, as `pkgs.jq` or `lib.genAttrs`: the first name after it, not what is within that.
fn used(text: &str, prefix: &str) -> BTreeSet<String> {
    let names = text.match_indices(prefix).filter_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        // `pkgs.lib.x` is told by `lib.x`.
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            return None;
        }
        let name: String = text[at + prefix.len()..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || "_-'".contains(*c))
            .collect();
        (!name.is_empty()).then_some(name)
    });
    names.collect()
}

/// The flake and what it is made of, without the stand-in and the template, which is another flake.
fn nix_files(directory: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("offline") && !path.ends_with("template") {
            texts.extend(nix_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "nix") {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

/// What the stand-in offers, by an expression over its flake.
fn offered(names_of: &str) -> BTreeSet<String> {
    let stand_in = root().join("nix/offline");
    let expression = format!(
        "builtins.attrNames (builtins.getFlake \"path:{}\").{names_of}",
        stand_in.display()
    );
    let output = run(nix().args(["eval", "--impure", "--json", "--expr", &expression]), 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_stand_in_offers_what_the_flake_uses_of_nixpkgs_and_nothing_else() {
    let mut texts = nix_files(&root().join("nix"));
    texts.push(fs::read_to_string(root().join("flake.nix")).unwrap());
    let all = texts.join("\n");

    assert_eq!(used(&all, "pkgs."), offered("legacyPackages.x86_64-linux"));
    assert_eq!(used(&all, "lib."), offered("lib"));
}

#[test]
fn of_each_attribute_the_stand_in_says_where_nixpkgs_has_it() {
    for file in ["nix/offline/packages.nix", "nix/offline/lib.nix"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let (_helpers, offers) = text.rsplit_once("\nin\n").unwrap();
        let lines: Vec<&str> = offers.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let indented = line.strip_prefix("  ").unwrap_or_default();
            if indented.starts_with(char::is_alphabetic) && indented.contains('=') {
                assert!(lines[at - 1].starts_with("  # "), "{file}: {line}");
            }
        }
    }
}
