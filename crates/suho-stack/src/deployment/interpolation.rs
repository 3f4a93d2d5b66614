//! The variables in compose's scalars: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+other}`.

/// A scalar with its variables found, ready to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable {
        name: String,
        /// With a colon (`:-`, `:?`, `:+`) an empty value counts as none.
        empty_is_unset: bool,
        otherwise: Otherwise,
    },
}

/// What a variable says about being unset.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Otherwise {
    /// `${NAME}`: nothing; compose warns and fills in nothing.
    Empty,
    /// `${NAME-default}`
    Default(Template),
    /// `${NAME?message}`
    Error(Template),
    /// `${NAME+other}`: the other text when it *is* set.
    Replaced(Template),
}

/// A variable that a scalar names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableUse {
    /// `SUHO_KAFKA_PORT`
    pub name: String,
    /// The scalar cannot be filled in without it: `${NAME:?message}`.
    pub required: bool,
    /// As written after `:-`, where that is plain text.
    pub default: Option<String>,
}

/// Why a scalar could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpolationError {
    /// A `$` is followed by nothing that names a variable.
    #[error("`{text}` has a `$` at offset {offset} that names no variable; write `$$` for the character itself")]
    NoName {
        /// The whole scalar.
        text: String,
        /// In characters, from 0.
        offset: usize,
    },
    /// A `${` is not closed.
    #[error("`{text}` opens `${{` at offset {offset} and does not close it; add the missing `}}`")]
    NotClosed {
        /// The whole scalar.
        text: String,
        /// In characters, from 0.
        offset: usize,
    },
    /// What follows the name is none of the known operators.
    #[error("`{text}` has an unknown operator after the name at offset {offset}; known are :- - :? ? :+ +")]
    UnknownOperator {
        /// The whole scalar.
        text: String,
        /// In characters, from 0.
        offset: usize,
    },
    /// A variable has to be set and is not.
    #[error("the variable {name} {message}")]
    Required {
        /// The variable.
        name: String,
        /// The compose file's own words.
        message: String,
    },
}

/// Fills in the variables of `text`; `lookup` answers with the value of a name.
///
/// As in compose, `$$` is a dollar sign, and a variable that is neither set nor defaulted is empty, which is warned of.
pub fn interpolate<'a>(text: &str, lookup: &dyn Fn(&str) -> Option<&'a str>) -> Result<String, InterpolationError> {
    Template::parse(text)?.fill(lookup)
}

impl Template {
    /// Finds the variables of `text`.
    pub fn parse(text: &str) -> Result<Self, InterpolationError> {
        let characters: Vec<char> = text.chars().collect();
        let mut parser = Parser {
            text,
            characters: &characters,
            at: 0,
        };
        parser.template(None)
    }

    /// Puts the values in.
    pub fn fill<'a>(&self, lookup: &dyn Fn(&str) -> Option<&'a str>) -> Result<String, InterpolationError> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Variable {
                    name,
                    empty_is_unset,
                    otherwise,
                } => {
                    let value = lookup(name).filter(|value| !(*empty_is_unset && value.is_empty()));
                    filled.push_str(&otherwise.resolve(name, value, lookup)?);
                }
            }
        }
        Ok(filled)
    }

    /// The variables in the order of their names' appearance, with those inside defaults, which are never required.
    #[must_use]
    pub fn variables(&self) -> Vec<VariableUse> {
        let mut uses = Vec::new();
        for piece in &self.pieces {
            let Piece::Variable { name, otherwise, .. } = piece else {
                continue;
            };
            let (required, nested) = match otherwise {
                Otherwise::Empty => (false, None),
                Otherwise::Error(message) => (true, Some(message)),
                Otherwise::Default(text) | Otherwise::Replaced(text) => (false, Some(text)),
            };
            let default = match otherwise {
                Otherwise::Default(text) => text.plain(),
                _ => None,
            };
            uses.push(VariableUse {
                name: name.clone(),
                required,
                default,
            });
            let nested = nested.map(Template::variables).unwrap_or_default();
            uses.extend(nested.into_iter().map(|inner| VariableUse {
                required: false,
                ..inner
            }));
        }
        uses
    }

    /// The text, if no variable is in it.
    fn plain(&self) -> Option<String> {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(text.as_str()),
                Piece::Variable { .. } => None,
            })
            .collect()
    }
}

impl Otherwise {
    fn resolve<'a>(
        &self,
        name: &str,
        value: Option<&str>,
        lookup: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Result<String, InterpolationError> {
        match (self, value) {
            (Self::Replaced(other), Some(_)) => other.fill(lookup),
            (Self::Replaced(_), None) => Ok(String::new()),
            (_, Some(value)) => Ok(value.to_owned()),
            (Self::Default(default), None) => default.fill(lookup),
            (Self::Error(message), None) => Err(InterpolationError::Required {
                name: name.to_owned(),
                message: required_message(&message.fill(lookup)?),
            }),
            (Self::Empty, None) => {
                tracing::warn!(
                    variable = name,
                    "the variable is not set and has no default: it is taken as empty"
                );
                Ok(String::new())
            }
        }
    }
}

fn required_message(message: &str) -> String {
    if message.is_empty() {
        "is not set".to_owned()
    } else {
        message.to_owned()
    }
}

struct Parser<'a> {
    text: &'a str,
    characters: &'a [char],
    at: usize,
}

impl Parser<'_> {
    /// Reads until the end, or until the `}` that closes the variable opened at `opened`.
    fn template(&mut self, opened: Option<usize>) -> Result<Template, InterpolationError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        loop {
            match (self.peek(), opened) {
                (None, None) => break,
                (Some('}'), Some(_)) => {
                    self.at += 1;
                    break;
                }
                (None, Some(offset)) => {
                    return Err(InterpolationError::NotClosed {
                        text: self.text.to_owned(),
                        offset,
                    });
                }
                (Some('$'), _) => {
                    if let Some(variable) = self.dollar()? {
                        if !text.is_empty() {
                            pieces.push(Piece::Text(std::mem::take(&mut text)));
                        }
                        pieces.push(variable);
                    } else {
                        text.push('$');
                    }
                }
                (Some(other), _) => {
                    text.push(other);
                    self.at += 1;
                }
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Template { pieces })
    }

    /// Reads what a `$` begins; none for `$$`.
    fn dollar(&mut self) -> Result<Option<Piece>, InterpolationError> {
        let offset = self.at;
        self.at += 1;
        match self.peek() {
            Some('$') => {
                self.at += 1;
                Ok(None)
            }
            Some('{') => {
                self.at += 1;
                self.braced(offset).map(Some)
            }
            _ => Ok(Some(Piece::Variable {
                name: self.name(offset)?,
                empty_is_unset: false,
                otherwise: Otherwise::Empty,
            })),
        }
    }

    fn braced(&mut self, offset: usize) -> Result<Piece, InterpolationError> {
        let name = self.name(offset)?;
        let empty_is_unset = self.peek() == Some(':');
        if empty_is_unset {
            self.at += 1;
        }
        let operator = self.peek();
        let operator_at = self.at;
        self.at += 1;
        let otherwise = match operator {
            Some('}') if !empty_is_unset => Otherwise::Empty,
            Some('-') => Otherwise::Default(self.template(Some(offset))?),
            Some('?') => Otherwise::Error(self.template(Some(offset))?),
            Some('+') => Otherwise::Replaced(self.template(Some(offset))?),
            None => {
                return Err(InterpolationError::NotClosed {
                    text: self.text.to_owned(),
                    offset,
                });
            }
            Some(_) => {
                return Err(InterpolationError::UnknownOperator {
                    text: self.text.to_owned(),
                    offset: operator_at,
                });
            }
        };
        Ok(Piece::Variable {
            name,
            empty_is_unset,
            otherwise,
        })
    }

    fn name(&mut self, offset: usize) -> Result<String, InterpolationError> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c == '_' || c.is_ascii_alphabetic() || (self.at > start && c.is_ascii_digit()))
        {
            self.at += 1;
        }
        if self.at == start {
            return Err(InterpolationError::NoName {
                text: self.text.to_owned(),
                offset,
            });
        }
        Ok(self.characters[start..self.at].iter().collect())
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// `SET` has a value, `EMPTY` an empty one, all others none.
    fn lookup(name: &str) -> Option<&'static str> {
        match name {
            "SET" => Some("value"),
            "EMPTY" => Some(""),
            _ => None,
        }
    }

    #[rstest]
    #[case("plain", "plain")]
    #[case("$SET-x $EMPTY$NONE.", "value-x .")]
    #[case("${SET}x", "valuex")]
    #[case("$$SET $${SET} $$$SET", "$SET ${SET} $value")]
    #[case("${SET:-a}${EMPTY:-b}${NONE:-c}", "valuebc")]
    #[case("${SET-a}${EMPTY-b}${NONE-c}", "valuec")]
    #[case("${SET:+a}${EMPTY:+b}${NONE:+c}", "a")]
    #[case("${SET+a}${EMPTY+b}${NONE+c}", "ab")]
    #[case("${SET:?why}${EMPTY?why}", "value")]
    #[case("${NONE:-a:b@sha256:c}", "a:b@sha256:c")]
    #[case("${NONE:--1}", "-1")]
    #[case("${NONE:-${EMPTY:-${SET}}}}", "value}")]
    #[case("${NONE:-$$}", "$")]
    #[case("${_a1:-x}", "x")]
    fn fills_in(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(interpolate(text, &lookup).unwrap(), expected);
    }

    #[rstest]
    #[case(
        "${NONE:?is not set - run 'make env'}",
        "the variable NONE is not set - run 'make env'"
    )]
    #[case("${NONE?}", "the variable NONE is not set")]
    #[case("${EMPTY:?must not be empty}", "the variable EMPTY must not be empty")]
    #[case("${SET:+${NONE:?is not set}}", "the variable NONE is not set")]
    #[case("a $ b", "a `$` at offset 2 that names no variable")]
    #[case("$1", "a `$` at offset 0 that names no variable")]
    #[case("ü${}", "a `$` at offset 1 that names no variable")]
    #[case("a${SET", "opens `${` at offset 1 and does not close it")]
    #[case("${SET:-a", "does not close it")]
    #[case("${SET:}", "an unknown operator after the name at offset 6")]
    #[case("${SET/a/b}", "an unknown operator after the name at offset 5")]
    fn refuses(#[case] text: &str, #[case] message: &str) {
        let error = interpolate(text, &lookup).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn names_the_variables() {
        let uses = Template::parse("$A ${B:?no} ${C:-1}:${D:-${E:?no}} ${F:+${G}}")
            .unwrap()
            .variables();
        let uses: Vec<_> = uses
            .iter()
            .map(|variable| (variable.name.as_str(), variable.required, variable.default.as_deref()))
            .collect();
        let expected = [
            ("A", false, None),
            ("B", true, None),
            ("C", false, Some("1")),
            ("D", false, None),
            ("E", false, None),
            ("F", false, None),
            ("G", false, None),
        ];
        assert_eq!(uses, expected);
    }

    /// What a text is made of, by another way than parsing it.
    #[derive(Debug, Clone)]
    enum Model {
        Text(String),
        Dollar,
        Variable {
            name: &'static str,
            operator: &'static str,
            word: Vec<Model>,
        },
    }

    impl Model {
        fn written(&self) -> String {
            match self {
                Self::Text(text) => text.clone(),
                Self::Dollar => "$$".to_owned(),
                Self::Variable { name, operator, word } => {
                    let word: String = word.iter().map(Self::written).collect();
                    format!("${{{name}{operator}{word}}}")
                }
            }
        }

        /// None where a required variable is missing.
        fn value(&self) -> Option<String> {
            let (name, operator, word) = match self {
                Self::Text(text) => return Some(text.clone()),
                Self::Dollar => return Some("$".to_owned()),
                Self::Variable { name, operator, word } => (name, operator, word),
            };
            let value = lookup(name).filter(|value| !operator.starts_with(':') || !value.is_empty());
            let word = || word.iter().map(Self::value).collect::<Option<String>>();
            match (operator.trim_start_matches(':'), value) {
                ("+", Some(_)) | ("-", None) => word(),
                ("+", None) => Some(String::new()),
                (_, Some(value)) => Some(value.to_owned()),
                _ => None,
            }
        }
    }

    fn model() -> impl Strategy<Value = Model> {
        let leaf = prop_oneof!["[a-z:/@ {-]{1,6}".prop_map(Model::Text), Just(Model::Dollar)];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let name = prop::sample::select(vec!["SET", "EMPTY", "NONE"]);
            let operator = prop::sample::select(vec![":-", "-", ":+", "+", ":?", "?"]);
            (name, operator, prop::collection::vec(inner, 0..3)).prop_map(|(name, operator, word)| Model::Variable {
                name,
                operator,
                word,
            })
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_model(models in prop::collection::vec(model(), 0..4)) {
            let text: String = models.iter().map(Model::written).collect();
            let expected: Option<String> = models.iter().map(Model::value).collect();
            prop_assert_eq!(interpolate(&text, &lookup).ok(), expected, "{}", text);
        }

        #[test]
        fn never_panics(text in "[$A{}:?+ü-]{0,12}") {
            let _ = interpolate(&text, &lookup);
        }
    }
}
