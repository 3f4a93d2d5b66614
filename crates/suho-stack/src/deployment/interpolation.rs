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
