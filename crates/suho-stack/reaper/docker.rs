//! What carries the stack's label, asked of the Docker engine and removed.

use std::io;

use crate::http::{Address, escaped};
use crate::json::Value;

/// The label that the library gives to all that belongs to a stack.
const LABEL: &str = "suho.stack";

/// The Docker engine, asked about one stack.
pub struct Docker {
    address: Address,
    stack: String,
}

impl Docker {
    pub fn at(address: Address, stack: &str) -> Self {
        Self {
            address,
            stack: stack.to_owned(),
        }
    }

    /// Removes what is there of the stack now, and returns how much that was.
    pub fn sweep(&self) -> io::Result<usize> {
        let mut found = 0;
        for container in self.list("/containers/json?all=1&", "Id")? {
            self.remove(&format!("/containers/{container}?force=1&v=1"))?;
            found += 1;
        }
        for network in self.list("/networks?", "Id")? {
            self.empty_network(&network)?;
            self.remove(&format!("/networks/{network}"))?;
            found += 1;
        }
        for volume in self.list("/volumes?", "Name")? {
            self.remove(&format!("/volumes/{}?force=1", escaped(&volume)))?;
            found += 1;
        }
        Ok(found)
    }

    /// What carries the label, each by its `key`.
    fn list(&self, path: &str, key: &str) -> io::Result<Vec<String>> {
        let filter = escaped(&format!("{{\"label\":[\"{LABEL}={}\"]}}", self.stack));
        let listed = self.get(&format!("{path}filters={filter}"))?;
        // Volumes alone come inside an object.
        let listed = listed.field("Volumes").unwrap_or(&listed);
        let names = listed.members().iter().filter_map(|member| member.field(key)?.text());
        Ok(names.map(str::to_owned).collect())
    }

    /// A network with a container of somebody else in it cannot be removed.
    fn empty_network(&self, network: &str) -> io::Result<()> {
        let Ok(inspected) = self.get(&format!("/networks/{network}")) else {
            return Ok(());
        };
        for guest in inspected.field("Containers").map(Value::names).unwrap_or_default() {
            let body = format!("{{\"Container\":\"{guest}\",\"Force\":true}}");
            self.address
                .ask("POST", &format!("/networks/{network}/disconnect"), &body)?;
        }
        Ok(())
    }

    fn get(&self, path: &str) -> io::Result<Value> {
        let answer = self.address.ask("GET", path, "")?;
        let value = Value::parse(&answer.body).filter(|_| answer.status == 200);
        value.ok_or_else(|| io::Error::other(format!("{path}: {}", answer.status)))
    }

    /// What is gone already, or about to go by another's request, is as good as removed.
    fn remove(&self, path: &str) -> io::Result<()> {
        match self.address.ask("DELETE", path, "")?.status {
            200..300 | 404 | 409 => Ok(()),
            status => Err(io::Error::other(format!("{path}: {status}"))),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A Docker engine that has one of each, and a guest in the network; what it was asked for.
    fn engine(requests: usize) -> (Docker, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap().to_string());
        let asked = thread::spawn(move || {
            (0..requests)
                .map(|_| {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut request = [0; 2_048];
                    let length = stream.read(&mut request).unwrap();
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    let line = request.lines().next().unwrap().replace(" HTTP/1.0", "");
                    let answer = match line.split('?').next().unwrap() {
                        "GET /containers/json" => r#"[{"Id":"c1","ImageID":"no"}]"#,
                        "GET /networks" => r#"[{"Id":"n1","Name":"no"}]"#,
                        "GET /networks/n1" => r#"{"Id":"n1","Containers":{"g1":{}}}"#,
                        "GET /volumes" => r#"{"Volumes":[{"Name":"v 1"}],"Warnings":null}"#,
                        _ => "",
                    };
                    let status = if line.starts_with("DELETE /volumes") { 404 } else { 200 };
                    write!(stream, "HTTP/1.0 {status} X\r\n\r\n{answer}").unwrap();
                    line
                })
                .collect()
        });
        (Docker::at(address, "shared-1"), asked)
    }

    #[test]
    fn everything_with_the_label_is_removed_and_guests_are_sent_away_first() {
        let (docker, asked) = engine(8);

        assert_eq!(docker.sweep().unwrap(), 3);

        let asked = asked.join().unwrap();
        let filter = "filters=%7B%22label%22%3A%5B%22suho.stack%3Dshared-1%22%5D%7D";
        assert_eq!(
            asked,
            [
                &format!("GET /containers/json?all=1&{filter}"),
                "DELETE /containers/c1?force=1&v=1",
                &format!("GET /networks?{filter}"),
                "GET /networks/n1",
                "POST /networks/n1/disconnect",
                "DELETE /networks/n1",
                &format!("GET /volumes?{filter}"),
                "DELETE /volumes/v%201?force=1",
            ]
        );
    }

    #[test]
    fn an_engine_that_does_not_answer_has_removed_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap().to_string());
        drop(listener);

        assert!(Docker::at(address, "shared-1").sweep().is_err());
    }
}
