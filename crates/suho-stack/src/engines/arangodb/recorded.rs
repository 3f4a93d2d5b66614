//! A server for tests that gives the answers of `ArangoDB`'s documentation: their recorded shapes, not `ArangoDB`.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::Endpoint;
use super::super::endpoint::tests::local;

/// `root:ar1` in Basic authentication.
pub(super) const KNOWN: &str = "Basic cm9vdDphcjE=";

/// A status and the body of an answer.
pub(super) type Answer = (&'static str, String);

/// Headers of an answer beside those that each has.
pub(super) type Headers = Vec<(&'static str, String)>;

/// What a client asked.
pub(super) struct Request {
    pub method: String,
    pub path: String,
    /// By their names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// Serves what `answer` says on a free port, to the password `ar1`.
pub(super) async fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Endpoint {
    serve_with_headers(move |request| (answer(request), Headers::new())).await
}

/// The same, where answers say something in their headers.
pub(super) async fn serve_with_headers(
    answer: impl Fn(&Request) -> (Answer, Headers) + Send + Sync + 'static,
) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&answer)));
        }
    });
    local("suho-arangodb", &[(8529, port)], &[("ARANGO_ROOT_PASSWORD", "ar1")])
}

/// One request, one answer, and the connection is closed.
async fn converse(stream: TcpStream, answer: Arc<impl Fn(&Request) -> (Answer, Headers)>) {
    let mut stream = BufReader::new(stream);
    let request = read(&mut stream).await;
    let ((status, body), headers) = answer(&request);
    let headers = headers.iter().fold(String::new(), |text, (name, value)| {
        text + &format!("{name}: {value}\r\n")
    });
    let answer = format!(
        "HTTP/1.1 {status}\r\nServer: ArangoDB\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn read(stream: &mut BufReader<TcpStream>) -> Request {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let (method, rest) = line.split_once(' ').unwrap();
    let (method, path) = (method.to_owned(), rest.split(' ').next().unwrap().to_owned());
    let mut headers = HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Request {
        method,
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}
