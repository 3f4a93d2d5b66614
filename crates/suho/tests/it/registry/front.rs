//! A front before a registry: it asks for a token, and breaks where it is told to.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::{Answer, Registry, ask};

/// The header with which the front lets a request through.
pub const AUTHORIZATION: &str = "Bearer let-me-in";

/// What the front does to the answers about one digest, or to all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Ends the connection after half of the body, for the next request alone.
    CutOnce(String),
    /// Ends every connection after half of the body.
    CutAlways(String),
    /// Changes the last byte of the body.
    Flip(String),
    /// Answers that it knows no such thing.
    Gone(String),
    /// Hands out no token.
    NoTokens,
    /// Sends a beginning of the body, and then nothing for a minute.
    Stall(String),
    /// Serves whole bodies where a range is asked for.
    NoRanges,
}

/// A front that listens as long as this process; to be had from [`Registry::front`].
#[derive(Debug)]
pub struct Front {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    /// `GET /v2/… bytes=100-`
    asked: Vec<String>,
    /// What is answered about a digest in the registry's place.
    served: BTreeMap<String, Vec<u8>>,
}

impl Registry {
    /// A front before this registry, with a port of its own.
    pub fn front(&self) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let front = Front {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let (port, behind, state) = (front.port, self.port, front.state.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = state.clone();
                thread::spawn(move || serve(stream, port, behind, &state));
            }
        });
        front
    }
}

impl Front {
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same reference by way of the front.
    pub fn reference(&self, reference: &str) -> String {
        let (_host, rest) = reference.split_once('/').unwrap();
        format!("{}/{rest}", self.host())
    }

    /// From now on.
    pub fn breaks(&self, fault: Fault) {
        self.state.lock().unwrap().faults.push(fault);
    }

    pub fn mends(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// Answers with `bytes` what is asked about `digest`.
    pub fn serves(&self, digest: &str, bytes: Vec<u8>) {
        self.state.lock().unwrap().served.insert(digest.to_owned(), bytes);
    }

    /// The requests that were let through, as `GET path range`.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn serve(mut stream: TcpStream, port: u16, behind: u16, state: &Mutex<State>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    let head: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    };
    let mut words = request.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let faults = state.lock().ok()?.faults.clone();
    if path.starts_with("/token?") {
        return if faults.contains(&Fault::NoTokens) {
            reply(&mut stream, "403 Forbidden", "", b"{\"details\": \"not for you\"}")
        } else {
            reply(&mut stream, "200 OK", "", b"{\"token\": \"let-me-in\"}")
        };
    }
    if header("authorization") != Some(AUTHORIZATION) {
        let challenge = format!(
            "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"front\",\
             scope=\"repository:{}:pull\"\r\n",
            path.trim_start_matches("/v2/")
                .split("/manifests/")
                .next()?
                .split("/blobs/")
                .next()?
        );
        return reply(&mut stream, "401 Unauthorized", &challenge, b"{}");
    }
    let range = header("range").unwrap_or_default();
    state
        .lock()
        .ok()?
        .asked
        .push(format!("{method} {path} {range}").trim_end().to_owned());
    let concerns = |digest: &String| path.ends_with(digest.as_str());
    if faults
        .iter()
        .any(|fault| matches!(fault, Fault::Gone(digest) if concerns(digest)))
    {
        return reply(&mut stream, "404 Not Found", "", b"{}");
    }
    let served = state.lock().ok()?.served.clone();
    if let Some(bytes) = served
        .iter()
        .find_map(|(digest, bytes)| concerns(digest).then_some(bytes))
    {
        return reply(&mut stream, "200 OK", "", bytes);
    }
    let mut headers = vec![("Accept", header("accept").unwrap_or("*/*"))];
    if !range.is_empty() && !faults.contains(&Fault::NoRanges) {
        headers.push(("Range", range));
    }
    let mut answer = ask(behind, method, path, &headers, b"");
    if faults
        .iter()
        .any(|fault| matches!(fault, Fault::Flip(digest) if concerns(digest)))
    {
        *answer.body.last_mut()? ^= 1;
    }
    let cut = faults
        .iter()
        .find(|fault| matches!(fault, Fault::CutOnce(digest) | Fault::CutAlways(digest) if concerns(digest)));
    if let Some(Fault::CutOnce(_)) = cut {
        state.lock().ok()?.faults.retain(|fault| Some(fault) != cut);
    }
    let stalls = faults
        .iter()
        .any(|fault| matches!(fault, Fault::Stall(digest) if concerns(digest)));
    pass_on(&mut stream, &answer, cut.is_some() || stalls)?;
    if stalls {
        thread::sleep(Duration::from_secs(60));
    }
    Some(())
}

/// The answer as the registry gave it, with the length that it should have.
fn pass_on(stream: &mut TcpStream, answer: &Answer, cut: bool) -> Option<()> {
    let head: Vec<&str> = answer
        .head
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection"))
        .collect();
    let head = head.join("\r\n").replacen("HTTP/1.0", "HTTP/1.1", 1);
    write!(stream, "{head}\r\nConnection: close\r\n\r\n").ok()?;
    let whole = answer.body.len();
    stream
        .write_all(&answer.body[..if cut { whole / 2 } else { whole }])
        .ok()
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> Option<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    stream.write_all(body).ok()
}
