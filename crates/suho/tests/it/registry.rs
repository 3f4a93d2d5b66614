//! A registry of this machine, and a front that asks for a token and breaks where it is told to.
//!
//! # Layout
//! - [`Registry`]: Debian's `docker-registry` on a free port, with what a test pushes to it.
//! - [`front`]: a small HTTP server before it.

pub mod front;

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use suho_stack::deployment::{COMPOSE_FILE, MONITORING_FILE};

use crate::{docker, run};

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A registry that lives as long as this value.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    /// Its storage, gone with it.
    _directory: tempfile::TempDir,
    port: u16,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Registry {
    /// Starts one that is empty.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = directory.path().join("config.yml");
        let storage = directory.path().join("storage");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
                storage.display()
            ),
        )
        .unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("docker-registry cannot be run, `apt-get install docker-registry`: {error}")
            });
        let registry = Self {
            process,
            _directory: directory,
            port,
        };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return registry;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("docker-registry does not listen on port {port}");
    }

    /// `127.0.0.1:PORT`, as a reference begins.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Pushes an image of the local engine, makes an index of it over linux/amd64 (the image itself) and linux/arm64 (the
    /// same with a config that says so) under its tag, and returns `host/name:tag@sha256:…` of the index.
    pub fn push_local(&self, image: &str) -> String {
        let (name, tag) = image.rsplit_once(':').unwrap();
        let pushed = format!("{}/{image}-amd64", self.host());
        docker(&["tag", image, &pushed]);
        docker(&["push", "--quiet", &pushed]);
        docker(&["rmi", &pushed]);
        let manifest = self.get(&format!("/v2/{name}/manifests/{tag}-amd64"), DOCKER_MANIFEST);
        self.put_index(name, tag, &manifest.body, DOCKER_MANIFEST)
    }

    /// The same with an image of one layer that holds one file of `size` bytes; quick, and every `seed` is another image.
    pub fn push_small(&self, image: &str, size: usize, seed: u8) -> String {
        let (name, tag) = image.rsplit_once(':').unwrap();
        let layer = layer_of(size, seed);
        let config = json!({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/content"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(&layer)]},
        });
        let manifest = self.put_image(name, &config, &layer);
        self.put_index(name, tag, &serde_json::to_vec(&manifest).unwrap(), MANIFEST)
    }

    /// Puts config and layer, and returns a manifest of them that is not put yet.
    pub fn put_image(&self, name: &str, config: &Value, layer: &[u8]) -> Value {
        let config = serde_json::to_vec(config).unwrap();
        let (config_digest, layer_digest) = (self.put_blob(name, &config), self.put_blob(name, layer));
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config_digest, "size": config.len()},
            "layers": [{"mediaType": LAYER, "digest": layer_digest, "size": layer.len()}],
        })
    }

    /// Puts a manifest under a tag and returns `host/name:tag@sha256:…` of it.
    pub fn put_tagged(&self, name: &str, tag: &str, manifest: &[u8], media_type: &str) -> String {
        let digest = self.put_manifest(name, tag, manifest, media_type);
        format!("{}/{name}:{tag}@{digest}", self.host())
    }

    pub fn put_manifest(&self, name: &str, reference: &str, manifest: &[u8], media_type: &str) -> String {
        let path = format!("/v2/{name}/manifests/{reference}");
        let answer = self.request("PUT", &path, &[("Content-Type", media_type)], manifest);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        digest_of(manifest)
    }

    pub fn put_blob(&self, name: &str, blob: &[u8]) -> String {
        let digest = digest_of(blob);
        let begun = self.request("POST", &format!("/v2/{name}/blobs/uploads/"), &[], b"");
        let location = begun.header("location").unwrap();
        let path = location.trim_start_matches(&format!("http://{}", self.host()));
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}digest={digest}");
        let answer = self.request("PUT", &path, &[("Content-Type", "application/octet-stream")], blob);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        digest
    }

    /// What is served at a path.
    pub fn get(&self, path: &str, accept: &str) -> Answer {
        let answer = self.request("GET", path, &[("Accept", accept)], b"");
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer
    }

    /// The manifest of a pinned reference.
    pub fn manifest_of(&self, reference: &str) -> Vec<u8> {
        let (name, digest) = name_and_digest(reference);
        let accepted = [INDEX, MANIFEST, DOCKER_MANIFEST].join(", ");
        self.get(&format!("/v2/{name}/manifests/{digest}"), &accepted).body
    }

    /// The digest of the manifest that an index holds for linux on `architecture`.
    pub fn child_of(&self, reference: &str, architecture: &str) -> String {
        let index: Value = serde_json::from_slice(&self.manifest_of(reference)).unwrap();
        let children = index["manifests"].as_array().unwrap();
        let child = children
            .iter()
            .find(|child| child["platform"]["architecture"] == architecture);
        child.unwrap()["digest"].as_str().unwrap().to_owned()
    }

    /// The digest of the first layer of the linux/amd64 image of an index.
    pub fn layer_of(&self, reference: &str) -> String {
        let (tagged, _) = reference.split_once('@').unwrap();
        let manifest = self.manifest_of(&format!("{tagged}@{}", self.child_of(reference, "amd64")));
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
    }

    fn put_index(&self, name: &str, tag: &str, amd64: &[u8], media_type: &str) -> String {
        let mut manifest: Value = serde_json::from_slice(amd64).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap();
        let config = self.get(&format!("/v2/{name}/blobs/{config}"), "*/*").body;
        let mut config: Value = serde_json::from_slice(&config).unwrap();
        config["architecture"] = json!("arm64");
        let config = serde_json::to_vec(&config).unwrap();
        manifest["config"]["digest"] = json!(self.put_blob(name, &config));
        manifest["config"]["size"] = json!(config.len());
        let arm64 = serde_json::to_vec(&manifest).unwrap();
        let entry = |manifest: &[u8], architecture: &str| {
            let digest = digest_of(manifest);
            self.put_manifest(name, &digest, manifest, media_type);
            json!({"mediaType": media_type, "digest": digest, "size": manifest.len(),
                   "platform": {"os": "linux", "architecture": architecture}})
        };
        let entries = [entry(amd64, "amd64"), entry(&arm64, "arm64")];
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        self.put_tagged(name, tag, &serde_json::to_vec(&index).unwrap(), INDEX)
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(self.port, method, path, headers, body)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A tar of one file, `content`, of `size` bytes.
pub fn layer_of(size: usize, seed: u8) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("content"), vec![seed; size]).unwrap();
    let tar = run(
        Command::new("tar")
            .args(["--mtime=@0", "-cf", "-", "-C"])
            .arg(directory.path())
            .arg("content"),
        0,
    );
    tar.stdout
}

pub fn digest_of(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// `name` without its host, and `sha256:…`.
pub fn name_and_digest(reference: &str) -> (&str, &str) {
    let (tagged, digest) = reference.split_once('@').unwrap();
    let (_host, name) = tagged.split_once('/').unwrap();
    (name.rsplit_once(':').unwrap().0, digest)
}

/// Puts `image` in the place of the pin of `variable` in that compose file of `directory` which has it.
pub fn pin(directory: &Path, variable: &str, image: &str) {
    let begin = format!("${{{variable}:-");
    let mut files = [COMPOSE_FILE, MONITORING_FILE]
        .map(|name| directory.join(name))
        .into_iter();
    let has_it = |file: &PathBuf| fs::read_to_string(file).unwrap().contains(&begin);
    let file = files.find(has_it).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once(&begin).unwrap();
    let (_pinned, after) = after.split_once('}').unwrap();
    fs::write(&file, format!("{before}${{{variable}:-{image}}}{after}")).unwrap();
}

/// One request over HTTP/1.0, which ends with its connection.
pub fn ask(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut head = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head,
        body: answer[end + 4..].to_vec(),
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn what_is_pushed_is_served_by_its_digest_and_behind_the_front_for_a_token_alone() {
    let registry = Registry::start();
    let reference = registry.push_small("small/engine:1", 1000, 7);
    assert_eq!(
        digest_of(&registry.manifest_of(&reference)),
        name_and_digest(&reference).1
    );

    let front = registry.front();
    let path = format!("/v2/small/engine/manifests/{}", name_and_digest(&reference).1);
    let refused = ask(front.port(), "GET", &path, &[("Accept", INDEX)], b"");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer realm="));
    let served = ask(
        front.port(),
        "GET",
        &path,
        &[("Accept", INDEX), ("Authorization", front::AUTHORIZATION)],
        b"",
    );
    assert_eq!((served.status, served.body), (200, registry.manifest_of(&reference)));

    let layer = registry.layer_of(&reference);
    front.breaks(front::Fault::CutOnce(layer.clone()));
    let path = format!("/v2/small/engine/blobs/{layer}");
    let mut lengths = [0, 0];
    for length in &mut lengths {
        *length = ask(
            front.port(),
            "GET",
            &path,
            &[("Authorization", front::AUTHORIZATION)],
            b"",
        )
        .body
        .len();
    }
    assert_eq!(lengths[0], lengths[1] / 2);
}
