//! Scripts and statements taken apart: as far as needed to find where one ends, and what is a name in it.

/// What a piece of a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Blanks and comments.
    Blank,
    /// A string or a quoted name, with its quotes.
    Quoted,
    /// A keyword, a name, a number.
    Word,
    /// One other character.
    Sign,
}

/// A piece of a statement; all of them in a row are the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

impl Token<'_> {
    fn is_sign(self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    fn is_word(self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// The name `name`, with quotes or without.
    fn is_name(self, name: &str) -> bool {
        let without = |quote: char| self.text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        match self.kind {
            Kind::Word => self.text == name,
            Kind::Quoted => ['`', '"'].into_iter().any(|quote| without(quote) == Some(name)),
            Kind::Blank | Kind::Sign => false,
        }
    }
}

fn tokens(mut sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    while let Some(first) = sql.chars().next() {
        let (length, kind) = if first.is_whitespace() {
            (run_of(sql, char::is_whitespace), Kind::Blank)
        } else if sql.starts_with("--") || sql.starts_with("#!") || sql.starts_with("# ") {
            (sql.find('\n').unwrap_or(sql.len()), Kind::Blank)
        } else if sql.starts_with("/*") {
            (sql.find("*/").map_or(sql.len(), |end| end + 2), Kind::Blank)
        } else if ['\'', '"', '`'].contains(&first) {
            (quoted(sql, first), Kind::Quoted)
        } else if let Some(length) = heredoc(sql) {
            (length, Kind::Quoted)
        } else if is_of_word(first) {
            (run_of(sql, is_of_word), Kind::Word)
        } else {
            (first.len_utf8(), Kind::Sign)
        };
        let (text, rest) = sql.split_at(length);
        tokens.push(Token { kind, text });
        sql = rest;
    }
    tokens
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn run_of(sql: &str, belongs: impl Fn(char) -> bool) -> usize {
    sql.find(|letter| !belongs(letter)).unwrap_or(sql.len())
}

/// Up to the quote that ends it: neither one after a backslash nor one that is written twice.
fn quoted(sql: &str, quote: char) -> usize {
    let mut letters = sql.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' || (letter == quote && letters.peek().is_some_and(|(_, next)| *next == quote)) {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    sql.len()
}

/// `$tag$ … $tag$`
fn heredoc(sql: &str) -> Option<usize> {
    let name = sql.strip_prefix('$')?;
    let tag = run_of(name, is_of_word);
    name[tag..].strip_prefix('$')?;
    let (mark, rest) = sql.split_at(tag + 2);
    Some(rest.find(mark).map_or(sql.len(), |end| mark.len() + end + mark.len()))
}

/// The statements of a script, without those that are empty.
pub(super) fn split(script: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let (mut start, mut at, mut is_empty) = (0, 0, true);
    for token in tokens(script) {
        let end = token.is_sign(";");
        if end && !is_empty {
            statements.push(script[start..at].trim());
        }
        at += token.text.len();
        if end {
            (start, is_empty) = (at, true);
        } else {
            is_empty &= token.kind == Kind::Blank;
        }
    }
    if !is_empty {
        statements.push(script[start..].trim());
    }
    statements
}

/// The definition of a table with what it names in the database `from` named in `to`, and nobody's rights but its maker's.
pub(super) fn moved(definition: &str, from: &str, to: &str) -> String {
    let tokens = tokens(definition);
    let solid: Vec<usize> = (0..tokens.len())
        .filter(|index| tokens[*index].kind != Kind::Blank)
        .collect();
    let mut texts: Vec<&str> = tokens.iter().map(|token| token.text).collect();
    let end = Token {
        kind: Kind::Blank,
        text: "",
    };
    let token = |place: usize| solid.get(place).map_or(end, |index| tokens[*index]);
    let mut place = 0;
    while place < solid.len() {
        let after_point = place > 0 && token(place - 1).is_sign(".");
        let dropped = match token(place) {
            // DEFINER = somebody
            word if word.is_word("DEFINER") && token(place + 1).is_sign("=") => 3,
            // SQL SECURITY DEFINER
            word if word.is_word("SQL") && token(place + 1).is_word("SECURITY") => 3,
            name if name.is_name(from) && token(place + 1).is_sign(".") && !after_point => {
                texts[solid[place]] = to;
                0
            }
            _ => 0,
        };
        for index in solid.iter().skip(place).take(dropped) {
            texts[*index] = "";
        }
        place += dropped.max(1);
    }
    texts.concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("SELECT 1; SELECT 2;", &["SELECT 1", "SELECT 2"])]
    #[case("SELECT 1", &["SELECT 1"])]
    #[case(" ; ;; -- nothing; at all\n /* ; */ ;", &[])]
    #[case("SELECT 'a;b', 'it''s;', 'it\\'s;'; SELECT 2", &["SELECT 'a;b', 'it''s;', 'it\\'s;'", "SELECT 2"])]
    #[case("SELECT `a;b`, \"c;d\"; -- e;f\nSELECT 2", &["SELECT `a;b`, \"c;d\"", "-- e;f\nSELECT 2"])]
    #[case("SELECT /* ; */ 1 # ;\n; SELECT 2", &["SELECT /* ; */ 1 # ;", "SELECT 2"])]
    #[case("SELECT $x$ ; $y$ ; $x$; SELECT $$;$$", &["SELECT $x$ ; $y$ ; $x$", "SELECT $$;$$"])]
    #[case("SELECT 'never; ended", &["SELECT 'never; ended"])]
    #[case("SELECT 'é;'; SELECT 'ü'", &["SELECT 'é;'", "SELECT 'ü'"])]
    fn a_script_is_split_where_statements_end_and_nowhere_else(#[case] script: &str, #[case] expected: &[&str]) {
        assert_eq!(split(script), expected);
    }

    #[test]
    fn the_database_is_renamed_where_it_is_a_name_and_the_definer_goes() {
        let definition = "CREATE MATERIALIZED VIEW market.v TO `market`.t (`market` String) DEFINER = suho SQL SECURITY DEFINER \
            AS SELECT 'market.x', market.t.a, other.market.b FROM market . t -- market.t";

        assert_eq!(
            moved(definition, "market", "t0"),
            "CREATE MATERIALIZED VIEW t0.v TO t0.t (`market` String)       \
            AS SELECT 'market.x', t0.t.a, other.market.b FROM t0 . t -- market.t"
        );
    }

    proptest! {
        #[test]
        fn the_tokens_of_any_text_are_that_text(text in "[-a$'\"`\\\\;*/# \n?é]{0,40}") {
            let again: String = tokens(&text).into_iter().map(|token| token.text).collect();
            prop_assert_eq!(again, text);
        }
    }
}
