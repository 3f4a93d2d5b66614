# The packages of nixpkgs that suho uses, each with where it lives there (all-packages.nix is in pkgs/top-level). None of
# them is what nixpkgs would build: they are programs of this machine, or of the air-gap images, found when first built.
{ system }:
let
  lib = import ./lib.nix;

  # nixpkgs runs its builders by its own bash with its own tools; here they are those of the machine.
  runCommand =
    name: env: buildCommand:
    let
      built = derivation (
        removeAttrs env [
          "passthru"
          "meta"
        ]
        // {
          inherit name system buildCommand;
          builder = "/bin/bash";
          args = [ ./build.sh ];
          passAsFile = env.passAsFile or [ ] ++ [ "buildCommand" ];
        }
      );
    in
    built // env.passthru or { } // { meta = env.meta or { }; };

  # Programs of this machine under the names by which nixpkgs has them.
  fromHost =
    name: programs:
    runCommand "host-${name}" { inherit programs; } ''
      mkdir -p "$out/bin"
      for program in $programs; do
        found=$(PATH=$hostPath command -v "$program") || {
          echo "$program is not on this machine: scripts/bootstrap.sh tests installs it" >&2
          exit 1
        }
        ln -s "$found" "$out/bin/$program"
      done
    '';

  # A program that is written here.
  script =
    name: text:
    runCommand "host-${name}"
      {
        inherit text;
        passAsFile = [ "text" ];
      }
      ''
        install -D -m 755 "$textPath" "$out/bin/${name}"
      '';

  # A program of an engine's air-gap image, which sees the store and the directory of the build.
  fromAirgapImage =
    engine: name: path:
    script name ''
      #!/bin/bash
      set -euo pipefail
      PATH=''${hostPath:-$PATH}
      image=$(docker images --quiet --filter label=suho.engine=${engine} | head -n 1)
      [ -n "$image" ] || { echo "${name}: no air-gap image of ${engine}: suho images build" >&2; exit 1; }
      exec docker run --rm --network none --user 0 --entrypoint ${path} --env-file <(env | grep ^SUHO_ || true) \
        --volume /nix/store:/nix/store:ro --volume "$NIX_BUILD_TOP:$NIX_BUILD_TOP" --workdir "$PWD" "$image" "$@"
    '';

  # Tools that no package of Debian has; bootstrap builds them from their crates.
  fromCache =
    name:
    script name ''
      #!/bin/bash
      exec "$(getent passwd "$(id -u)" | cut -d : -f 6)/.cache/suho/tools/bin/${name}" "$@"
    '';

  # What is only for people or needs more than this machine: it evaluates, and its build says so.
  elsewhere =
    name:
    runCommand name { } ''
      echo "${name} needs the real nixpkgs" >&2
      exit 1
    '';
in
{
  # lib, and pkgs/build-support/trivial-builders
  inherit lib runCommand;

  # pkgs/by-name/ca/cacert
  cacert = runCommand "host-cacert" { } ''
    mkdir -p "$out/etc/ssl/certs"
    ln -s /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/ca-bundle.crt"
  '';
  # all-packages.nix, of rustPackages in pkgs/development/compilers/rust
  cargo = fromHost "cargo" [ "cargo" ];
  # pkgs/by-name/cl/clickhouse
  clickhouse = elsewhere "clickhouse";
  # all-packages.nix, of rustPackages in pkgs/development/compilers/rust
  clippy = fromHost "clippy" [ "cargo-clippy" ];
  # all-packages.nix, of pkgs/by-name/cu/curlMinimal
  curl = fromHost "curl" [ "curl" ];
  # pkgs/by-name/de/deadnix
  deadnix = fromCache "deadnix";
  # all-packages.nix, of pkgs/applications/virtualization/docker
  docker-client = fromHost "docker-client" [ "docker" ];
  # pkgs/applications/virtualization/docker/compose.nix
  docker-compose = script "docker-compose" ''
    #!/bin/bash
    PATH=''${hostPath:-$PATH} exec docker compose "$@"
  '';
  # pkgs/by-name/in/installShellFiles
  installShellFiles = runCommand "host-installShellFiles" { } ''
    mkdir -p "$out/bin"
    install -m 755 ${./install-shell-files.sh} "$out/bin/installShellCompletion"
    install -m 755 ${./install-shell-files.sh} "$out/bin/installManPage"
  '';
  # pkgs/by-name/jq/jq
  jq = fromHost "jq" [ "jq" ];
  # pkgs/by-name/kc/kcat
  kcat = elsewhere "kcat";
  # pkgs/development/libraries/libxml2
  libxml2 = fromHost "libxml2" [ "xmllint" ];
  # all-packages.nix, of pkgs/build-support/setup-hooks/make-wrapper.sh
  makeWrapper = script "makeWrapper" (builtins.readFile ./make-wrapper.sh);
  # pkgs/build-support/mkshell
  mkShell = attributes: runCommand "shell" { inherit (attributes) packages; } "touch $out";
  # pkgs/by-name/na/nats-server
  nats-server = fromAirgapImage "nats-server" "nats-server" "/usr/local/bin/nats-server";
  # pkgs/by-name/na/natscli
  natscli = elsewhere "natscli";
  # pkgs/by-name/ni/nixfmt, here its port to Rust
  nixfmt = fromCache "nixfmt";
  # pkgs/by-name/ni/nixfmt-tree
  nixfmt-tree = elsewhere "nixfmt-tree";
  # all-packages.nix, of pkgs/development/web/nodejs
  nodejs = fromHost "nodejs" [ "node" ];
  # pkgs/servers/sql/postgresql
  postgresql_17 = fromAirgapImage "timescaledb" "postgres" "/usr/lib/postgresql/17/bin/postgres";
  # pkgs/by-name/pr/prometheus
  prometheus.cli = fromAirgapImage "prometheus" "promtool" "/usr/bin/promtool";
  # pkgs/by-name/ru/rust-analyzer
  rust-analyzer = elsewhere "rust-analyzer";
  # pkgs/build-support/rust/build-rust-package
  rustPlatform.buildRustPackage =
    attributes:
    runCommand "${attributes.pname}-${attributes.version}" (
      removeAttrs attributes [ "cargoLock" ] // { inherit (attributes) src; }
    ) (builtins.readFile ./build-rust-package.sh)
    // {
      inherit (attributes) pname version;
    };
  # all-packages.nix, of rustPackages in pkgs/development/compilers/rust
  rustc = fromHost "rustc" [ "rustc" ];
  # all-packages.nix, of rustPackages in pkgs/development/compilers/rust
  rustfmt = fromHost "rustfmt" [
    "cargo-fmt"
    "rustfmt"
  ];
  # pkgs/development/tools/shellcheck
  shellcheck = fromHost "shellcheck" [ "shellcheck" ];
  # pkgs/stdenv
  stdenv.hostPlatform = {
    isAarch64 = lib.hasPrefix "aarch64" system;
    isLinux = builtins.match ".*-linux" system != null;
    inherit system;
  };
  # pkgs/build-support/testers
  testers.runNixOSTest = test: elsewhere test.name;
  # pkgs/by-name/va/valkey
  valkey = elsewhere "valkey";
  # pkgs/build-support/trivial-builders
  writeShellApplication =
    {
      name,
      text,
      runtimeInputs ? [ ],
    }:
    script name ''
      #!/bin/bash
      set -euo pipefail
      PATH=${builtins.concatStringsSep ":" (map (input: "${input}/bin") runtimeInputs)}:$PATH
      ${text}
    '';
}
