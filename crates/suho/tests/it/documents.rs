use std::fs;

use suho_stack::{
    deployment::{Deployment, Files, Variables},
    engines,
};

use crate::{root, run, stdout, suho};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

#[test]
fn the_readme_names_every_service_with_its_ports() {
    let files = Files::embedded();
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(&files, &["docker-compose.yml"]).unwrap());
    let deployment = Deployment::read(&files, &["docker-compose.yml"], &variables).unwrap();
    let readme = readme();
    for engine in engines::all() {
        let service = deployment.service(engine.service()).unwrap();
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{}`", service.name)))
            .unwrap_or_else(|| panic!("no row of {}", service.name));
        for port in &service.ports {
            assert!(row.contains(&port.host_port.to_string()), "{row}");
        }
    }
}

#[test]
fn every_command_that_the_readme_shows_exists() {
    let help = stdout(&run(suho().arg("--help"), 0));
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let readme = readme();
    let words_after = |program: &str| -> Vec<String> {
        readme
            .lines()
            .filter_map(|line| line.trim_start_matches("$ ").strip_prefix(program))
            .filter_map(|rest| rest.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    for command in words_after("suho ") {
        assert!(help.contains(&format!("  {command} ")), "README shows `suho {command}`");
    }
    for target in words_after("make ") {
        assert!(
            makefile.contains(&format!("\n{target}:")),
            "README shows `make {target}`"
        );
    }
}
