//! An error and what caused it, in one line.

use std::error::Error;

/// `error` and its causes, joined by colons. A cause that its effect has quoted already is not repeated.
#[must_use]
pub fn in_full(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
