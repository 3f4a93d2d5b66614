//! One request to the Docker engine: HTTP/1.0, so that the answer ends with the connection.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The removal of a container waits until its processes are gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Where a `tcp://` address names none.
const PORT: &str = "2375";

/// Where the Docker engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(String),
    Tcp(String),
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Address {
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        match scheme {
            "unix" => Some(Self::Unix(rest.to_owned())),
            "tcp" | "http" => {
                let host = rest.trim_end_matches('/');
                let has_port = host
                    .rsplit_once(':')
                    .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                Some(Self::Tcp(if has_port {
                    host.to_owned()
                } else {
                    format!("{host}:{PORT}")
                }))
            }
            _ => None,
        }
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(ANSWER_LIMIT))?;
                exchange(stream, &request)
            }
            Self::Tcp(host) => {
                let address = host.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
                let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
                stream.set_read_timeout(Some(ANSWER_LIMIT))?;
                exchange(stream, &request)
            }
        }
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Answer> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn parse(answer: &[u8]) -> Option<Answer> {
    const END: &[u8] = b"\r\n\r\n";
    let end = answer.windows(END.len()).position(|window| window == END)?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        body: answer[end + END.len()..].to_vec(),
    })
}

/// `text` as a part of a path or a query.
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_host_and_nothing_encrypted() {
        let tcp = |host: &str| Some(Address::Tcp(host.to_owned()));
        assert_eq!(
            Address::parse("unix:///run/docker.sock"),
            Some(Address::Unix("/run/docker.sock".into()))
        );
        assert_eq!(Address::parse("tcp://10.0.0.1:2376/"), tcp("10.0.0.1:2376"));
        assert_eq!(Address::parse("tcp://docker"), tcp("docker:2375"));
        assert_eq!(Address::parse("tcp://[::1]"), tcp("[::1]:2375"));
        assert_eq!(Address::parse("ssh://docker"), None);
        assert_eq!(Address::parse("https://docker:2376"), None);
    }

    #[test]
    fn an_answer_is_its_status_and_what_follows_the_empty_line() {
        let answer = parse(b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n{}\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (404, &b"{}\r\n\r\n"[..]));
        assert!(parse(b"SSH-2.0-OpenSSH\r\n").is_none());
    }

    #[test]
    fn what_a_query_would_misread_is_escaped() {
        assert_eq!(escaped("{\"a\":[\"b=c-d\"]}"), "%7B%22a%22%3A%5B%22b%3Dc-d%22%5D%7D");
    }
}
