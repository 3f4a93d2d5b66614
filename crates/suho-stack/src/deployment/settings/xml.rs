//! The configuration files of ClickHouse.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use super::{DeploymentError, Files, Setting, fault, setting};

/// Brings in a part that is not in this file: `incl` and `from_zk` on an element, `include_from` as one.
const INCLUDES: [&str; 3] = ["incl", "from_zk", "include_from"];

/// A leaf element is a setting; its key is its path below the root: `query_cache.max_size_in_bytes`.
///
/// As the server addresses them, the second of several elements of one name is `networks.ip[1]`, and an attribute, which is a
/// setting too, `password[@from_env]`. Entities and includes are refused.
pub fn xml(files: &Files, file: &str) -> Result<Vec<Setting>, DeploymentError> {
    // A document type, which is where entities would be declared, is an error of the parser's.
    let document = Document::parse(files.text(file)?)
        .map_err(|error| fault(file, error.pos().row.saturating_sub(1) as usize, error.to_string()))?;
    let mut reader = Reader {
        document: &document,
        file,
        settings: Vec::new(),
    };
    let root = document.root_element();
    reader.attributes(root, "")?;
    reader.children(root, "")?;
    Ok(reader.settings)
}

struct Reader<'a> {
    document: &'a Document<'a>,
    file: &'a str,
    settings: Vec<Setting>,
}

impl Reader<'_> {
    fn children(&mut self, parent: Node<'_, '_>, path: &str) -> Result<(), DeploymentError> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for child in parent.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            let index = seen.entry(name).or_default();
            let separator = if path.is_empty() { "" } else { "." };
            let path = if *index == 0 {
                format!("{path}{separator}{name}")
            } else {
                format!("{path}{separator}{name}[{index}]")
            };
            *index += 1;
            self.element(child, &path)?;
        }
        Ok(())
    }

    fn element(&mut self, element: Node<'_, '_>, path: &str) -> Result<(), DeploymentError> {
        if INCLUDES.contains(&element.tag_name().name()) {
            return Err(self.hides(element.range().start, element.tag_name().name()));
        }
        self.attributes(element, path)?;
        let text = text_of(element);
        if element.children().any(|child| child.is_element()) {
            if !text.is_empty() {
                let message = format!("`{text}` stands beside the elements of {path}; give it an element of its own");
                return Err(fault(self.file, self.line(element.range().start), message));
            }
            self.children(element, path)
        } else {
            // What an attribute fills is no empty leaf.
            if !text.is_empty() || element.attributes().len() == 0 {
                self.leaf(element.range().start, path.to_owned(), text);
            }
            Ok(())
        }
    }

    fn attributes(&mut self, element: Node<'_, '_>, path: &str) -> Result<(), DeploymentError> {
        for attribute in element.attributes() {
            if INCLUDES.contains(&attribute.name()) {
                return Err(self.hides(attribute.range().start, attribute.name()));
            }
            self.leaf(
                attribute.range().start,
                format!("{path}[@{}]", attribute.name()),
                attribute.value().to_owned(),
            );
        }
        Ok(())
    }

    fn leaf(&mut self, at: usize, key: String, value: String) {
        self.settings.push(setting(self.file, self.line(at), key, value));
    }

    fn hides(&self, at: usize, name: &str) -> DeploymentError {
        let message = format!("`{name}` brings in settings that are not in this file; write them here");
        fault(self.file, self.line(at), message)
    }

    /// From 0.
    fn line(&self, at: usize) -> usize {
        self.document.text_pos_at(at).row as usize - 1
    }
}

/// What an element says itself, around comments, without the blanks at both ends.
fn text_of(element: Node<'_, '_>) -> String {
    let pieces = element.children().filter(Node::is_text).filter_map(|text| text.text());
    pieces.collect::<String>().trim().to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Result<Vec<(usize, String, String)>, String> {
        let files = Files::embedded().with("a.xml", text);
        let settings = xml(&files, "a.xml").map_err(|error| error.to_string())?;
        Ok(settings
            .into_iter()
            .map(|setting| (setting.line, setting.key, setting.value.expose().to_owned()))
            .collect())
    }

    #[rstest]
    #[case::leaf("<c><a>1</a></c>", &[(1, "a", "1")])]
    #[case::the_old_root("<yandex><a>1</a></yandex>", &[(1, "a", "1")])]
    #[case::path("<c>\n<a>\n <b> 1 </b></a></c>", &[(3, "a.b", "1")])]
    #[case::comment("<c><!-- no --><a>1<!-- why -->0</a></c>", &[(1, "a", "10")])]
    #[case::escapes("<c><a>&lt;&#65;<![CDATA[<]]></a></c>", &[(1, "a", "<A<")])]
    #[case::empty("<c><a/><b></b></c>", &[(1, "a", ""), (1, "b", "")])]
    #[case::repeated("<c><a>1</a>\n<b/><a>2</a></c>", &[(1, "a", "1"), (2, "b", ""), (2, "a[1]", "2")])]
    #[case::repeated_sections("<c><a><b>1</b></a><a><b>2</b></a></c>", &[(1, "a.b", "1"), (1, "a[1].b", "2")])]
    #[case::from_env("<c><a\n from_env='A'/></c>", &[(2, "a[@from_env]", "A")])]
    #[case::attribute_and_text("<c><a replace='1'>2</a></c>", &[(1, "a[@replace]", "1"), (1, "a", "2")])]
    #[case::attribute_of_a_section("<c><a remove='1'><b>2</b></a></c>", &[(1, "a[@remove]", "1"), (1, "a.b", "2")])]
    fn a_setting_is_read(#[case] text: &str, #[case] expected: &[(usize, &str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, key, value)| (*line, (*key).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(read(text), Ok(expected));
    }

    #[rstest]
    #[case("<c>\n<a incl='b'/></c>", "read a.xml:2: `incl` brings in settings")]
    #[case("<c><a><b from_zk='/b'/></a></c>", "`from_zk` brings in settings")]
    #[case("<c><include_from>/b</include_from></c>", "`include_from` brings in settings")]
    #[case("<!DOCTYPE c [<!ENTITY e SYSTEM 'e'>]><c><a>&e;</a></c>", "DTD")]
    #[case("<c><a>&e;</a></c>", "unknown entity")]
    #[case("<c>\n<a>1</b></c>", "read a.xml:2: ")]
    #[case("<c><a>1<b>2</b></a></c>", "`1` stands beside the elements of a")]
    #[case("", "read a.xml:1: ")]
    fn a_bad_file_is_an_error(#[case] text: &str, #[case] message: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(message), "{error}");
    }

    #[rstest]
    #[case("clickhouse-config.xml", "query_log.ttl", "event_date + INTERVAL 7 DAY DELETE")]
    #[case("clickhouse-users.xml", "users.suho.networks.ip[3]", "172.16.0.0/12")]
    #[case("clickhouse-users.xml", "users.suho.password[@from_env]", "SUHO_CLICKHOUSE_PASSWORD")]
    #[case("clickhouse-users.xml", "profiles.reader.constraints.max_execution_time.max", "60")]
    fn the_files_of_the_deployment_are_read(#[case] file: &str, #[case] key: &str, #[case] value: &str) {
        let settings = xml(&Files::embedded(), file).unwrap();
        let found = settings.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!(found.value.expose(), value);
        let keys: BTreeSet<_> = settings.iter().map(|setting| &setting.key).collect();
        assert_eq!(keys.len(), settings.len());
        // Each is where it says.
        let text = Files::embedded();
        for setting in &settings {
            let line = text.text(file).unwrap().lines().nth(setting.line - 1).unwrap();
            assert!(line.contains(setting.value.expose()), "{}: {line}", setting.key);
        }
    }

    /// A tree of elements, and the leaves that it has.
    #[derive(Debug, Clone)]
    enum Tree {
        Leaf(String),
        Section(Vec<(String, Tree)>),
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = "[0-9a-z ]{0,6}".prop_map(Tree::Leaf);
        leaf.prop_recursive(4, 24, 4, |inner| {
            proptest::collection::vec(("[a-c]", inner), 1..4).prop_map(Tree::Section)
        })
    }

    impl Tree {
        fn write(&self, into: &mut String) {
            match self {
                Self::Leaf(value) => into.push_str(value),
                Self::Section(children) => {
                    for (name, child) in children {
                        into.extend(["\n<", name, ">"]);
                        child.write(into);
                        into.extend(["</", name, ">"]);
                    }
                }
            }
        }

        fn values(&self) -> Vec<&str> {
            match self {
                Self::Leaf(value) => vec![value.trim()],
                Self::Section(children) => children.iter().flat_map(|(_, child)| child.values()).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn every_leaf_is_one_setting_under_a_key_of_its_own(children in proptest::collection::vec(("[a-c]", trees()), 1..4)) {
            let tree = Tree::Section(children);
            let mut text = String::new();
            tree.write(&mut text);
            let settings = read(&format!("<c>{text}</c>")).unwrap();
            let values: Vec<_> = settings.iter().map(|(_, _, value)| value.as_str()).collect();
            prop_assert_eq!(values, tree.values());
            let keys: BTreeSet<_> = settings.iter().map(|(_, key, _)| key).collect();
            prop_assert_eq!(keys.len(), settings.len());
        }

        #[test]
        fn no_text_is_a_panic(text in "[<>/a&;='! \n\\[\\]-]{0,24}") {
            let _ = read(&text);
        }
    }
}
