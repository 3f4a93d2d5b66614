//! The attribute of `suho-testkit`, which documents it.

use std::env;

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// With this variable set, a test is ignored, and libtest says why.
const SWITCH: &str = "SUHO_SKIP";

/// What a function can begin with after its attributes and its visibility.
const BEGINNINGS: [&str; 3] = ["async", "unsafe", "fn"];

/// See `suho_testkit::test`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = function.into_iter().collect();
    expand(&options, &tokens).unwrap_or_else(|| complaint(&tokens))
}

/// The test, as tokio runs it, around the function as it was written; `None` where it is no async function.
fn expand(options: &TokenStream, tokens: &[TokenTree]) -> Option<TokenStream> {
    let (body, head) = tokens.split_last()?;
    let begin = head.iter().position(begins_a_function)?;
    let (before, signature) = head.split_at(begin);
    let name = name_of(signature)?;
    if !matches!(body, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) {
        return None;
    }
    let mut test = attributes(options)?;
    test.extend(before.iter().cloned());
    test.extend(signature.iter().cloned());
    // Cargo builds the test anew whenever the variable that option_env! names has changed.
    let mut whole: TokenStream = format!("const _: ::core::option::Option<&str> = ::core::option_env!({SWITCH:?});")
        .parse()
        .ok()?;
    whole.extend(signature.iter().cloned());
    whole.extend([body.clone()]);
    let judging = format!("::suho_testkit::__private::judged({name}()).await");
    whole.extend(judging.parse::<TokenStream>().ok()?);
    test.extend([TokenTree::Group(Group::new(Delimiter::Brace, whole))]);
    Some(test)
}

/// What makes it a test of libtest's, ignored where that is wished.
fn attributes(options: &TokenStream) -> Option<TokenStream> {
    let ignored = if is_skipped() {
        format!("#[ignore = \"{SWITCH} is set\"]")
    } else {
        String::new()
    };
    let tokio = "::suho_testkit::__private::tokio";
    format!("#[{tokio}::test(crate = \"{tokio}\", {options})] {ignored}")
        .parse()
        .ok()
}

/// The function as it is, and an error.
fn complaint(tokens: &[TokenTree]) -> TokenStream {
    let error = "::core::compile_error!(\"a test that borrows the stack is an async function without parameters; \
                 #[rstest] above this attribute makes fixtures of them\");";
    let mut complaint: TokenStream = error.parse().unwrap_or_default();
    complaint.extend(tokens.iter().cloned());
    complaint
}

fn begins_a_function(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(word) if BEGINNINGS.contains(&word.to_string().as_str()))
}

/// The name in `async fn name() -> …`.
fn name_of(signature: &[TokenTree]) -> Option<String> {
    let mut words = signature.iter().filter_map(|token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    });
    words.next().filter(|word| word == "async")?;
    words.find(|word| word == "fn")?;
    words.next()
}

fn is_skipped() -> bool {
    env::var_os(SWITCH).is_some_and(|value| !value.is_empty() && value != "0" && value != "false")
}
