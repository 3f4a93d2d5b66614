use std::fs;

use serde_json::json;

use super::{Downstream, lock};
use crate::{
    copy_deployment,
    registry::{INDEX, MANIFEST, Registry, front::Fault, layer_of},
};

const ENGINE: &str = "image-nats-server";

#[test]
fn a_byte_flipped_in_a_layer() {
    let registry = Registry::start();
    let front = registry.front();
    let reference = registry.push_small("small/tampered-layer:1", 10_000, 11);
    let layer = registry.layer_of(&reference);
    front.breaks(Fault::Flip(layer.clone()));

    let said = Downstream::with_image("nats-server", &front.reference(&reference)).refuses(ENGINE);
    assert!(
        said.contains(&format!("blobs {layer}: http://{} sent something else", front.host())),
        "{said}"
    );
}

#[test]
fn a_layer_cut_short() {
    let registry = Registry::start();
    let front = registry.front();
    let reference = registry.push_small("small/cut-layer:1", 10_000, 12);
    let layer = registry.layer_of(&reference);
    front.breaks(Fault::CutAlways(layer.clone()));

    let said = Downstream::with_image("nats-server", &front.reference(&reference)).refuses(ENGINE);
    assert!(
        said.contains(&layer) && said.contains("bytes remaining to read"),
        "{said}"
    );
}

#[test]
fn a_byte_flipped_in_a_manifest() {
    let registry = Registry::start();
    let front = registry.front();
    let reference = registry.push_small("small/tampered-manifest:1", 10_000, 13);
    let manifest = registry.child_of(&reference, "amd64");
    front.breaks(Fault::Flip(manifest.clone()));

    let said = Downstream::with_image("nats-server", &front.reference(&reference)).refuses(ENGINE);
    assert!(
        said.contains(&format!("manifests {manifest}")) && said.contains("sent something else"),
        "{said}"
    );
}

#[test]
fn a_byte_flipped_in_the_lock() {
    let registry = Registry::start();
    let reference = registry.push_small("small/tampered-lock:1", 10_000, 14);
    let downstream = Downstream::new(&format!(
        r#"images.nats-server = "{reference}"; manifests = ./manifests;"#
    ));
    let directory = downstream.path().join("manifests");
    lock(&registry, &reference, &directory);
    let name = format!("{}.json", &registry.child_of(&reference, "amd64")["sha256:".len()..]);
    let mut bytes = fs::read(directory.join(&name)).unwrap();
    *bytes.last_mut().unwrap() = b' ';
    fs::write(directory.join(&name), bytes).unwrap();

    let said = downstream.refuses(ENGINE);
    assert!(
        said.contains(&format!("manifests/{name}: it is not what it was")),
        "{said}"
    );
}

#[test]
fn a_byte_flipped_in_a_configuration() {
    let downstream = Downstream::new("deployment = ./compose;");
    let directory = downstream.path().join("compose");
    copy_deployment(&directory);
    let file = directory.join("postgresql.conf");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("shared_buffers", "shared_cuffers", 1)).unwrap();

    let said = downstream.refuses("configs");
    assert!(
        said.contains("postgresql.conf") && said.contains("shared_cuffers"),
        "{said}"
    );
}

#[test]
fn a_digest_that_is_gone() {
    let registry = Registry::start();
    let reference = registry.push_small("small/gone:1", 10_000, 15);
    let (tagged, _digest) = reference.split_once('@').unwrap();
    let gone = format!("{tagged}@sha256:{}", "0".repeat(64));

    let said = Downstream::with_image("nats-server", &gone).refuses(ENGINE);
    assert!(
        said.contains(&gone) && said.contains("(404): it is gone, or the pin is wrong"),
        "{said}"
    );
}

#[test]
fn a_registry_that_hands_out_no_token() {
    let registry = Registry::start();
    let front = registry.front();
    let reference = front.reference(&registry.push_small("small/private:1", 10_000, 16));
    front.breaks(Fault::NoTokens);

    let said = Downstream::with_image("nats-server", &reference).refuses(ENGINE);
    assert!(
        said.contains("hands out no anonymous token: the image is not public"),
        "{said}"
    );
}

#[test]
fn a_manifest_that_lies_about_a_size() {
    let registry = Registry::start();
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
    let mut manifest = registry.put_image("small/lying", &config, &layer_of(10_000, 17));
    manifest["layers"][0]["size"] = json!(17);
    let reference = registry.put_tagged("small/lying", "1", &serde_json::to_vec(&manifest).unwrap(), MANIFEST);

    let said = Downstream::with_image("nats-server", &reference).refuses(ENGINE);
    assert!(said.contains("bytes, the manifest says 17"), "{said}");
}

#[test]
fn an_image_of_another_platform() {
    let registry = Registry::start();
    let config = json!({"architecture": "s390x", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
    let manifest = registry.put_image("small/foreign", &config, &layer_of(10_000, 18));
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let alone = registry.put_tagged("small/foreign", "alone", &manifest, MANIFEST);
    let entry = json!({"mediaType": MANIFEST, "digest": crate::registry::digest_of(&manifest), "size": manifest.len(),
                       "platform": {"os": "linux", "architecture": "s390x"}});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
    let indexed = registry.put_tagged("small/foreign", "1", &serde_json::to_vec(&index).unwrap(), INDEX);

    let said = Downstream::with_image("nats-server", &alone).refuses(ENGINE);
    assert!(said.contains("is for linux/s390x, not for linux/"), "{said}");
    let said = Downstream::with_image("nats-server", &indexed).refuses(ENGINE);
    assert!(said.contains("only for linux/s390x"), "{said}");
}

#[test]
fn a_layer_of_a_type_that_nobody_knows() {
    let registry = Registry::start();
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}});
    let mut manifest = registry.put_image("small/unknown", &config, &layer_of(10_000, 19));
    manifest["layers"][0]["mediaType"] = json!("application/vnd.example.layer");
    let reference = registry.put_tagged("small/unknown", "1", &serde_json::to_vec(&manifest).unwrap(), MANIFEST);

    let said = Downstream::with_image("nats-server", &reference).refuses(ENGINE);
    assert!(
        said.contains("is of an unknown type, application/vnd.example.layer"),
        "{said}"
    );
}

#[test]
fn a_registry_that_is_not_asked_over_tls() {
    let pin = format!("registry.example/engine:1@sha256:{}", "1".repeat(64));
    let downstream = Downstream::new(&format!(
        r#"images.nats-server = "{pin}"; mirrors."registry.example" = [ "http://registry.example" ];"#
    ));

    let said = downstream.refuses(ENGINE);
    assert!(said.contains("neither https:// nor on the loopback"), "{said}");
}
