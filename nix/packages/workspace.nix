# The Rust workspace, cut down to what a build is made of, so that nothing else builds it anew.
{ pkgs }:
let
  root = ../..;
  inherit (pkgs.lib) hasPrefix removePrefix;
in
rec {
  # Something that cargo makes of the files and directories that `sources` names.
  build =
    { sources, ... }@attributes:
    pkgs.rustPlatform.buildRustPackage (
      {
        inherit ((builtins.fromTOML (builtins.readFile (root + "/Cargo.toml"))).workspace.package) version;
        src = sourceOf (
          [
            "Cargo.lock"
            "Cargo.toml"
            "crates"
          ]
          ++ sources
        );
        cargoLock.lockFile = root + "/Cargo.lock";
        # What asks for /usr/bin/env, which a sandbox has not: the configuration of librdkafka, and our scripts.
        postPatch = ''
          patchShebangs $(find "$cargoDepsCopy" -path '*rdkafka-sys*/librdkafka/configure')
          if [ -e scripts ]; then patchShebangs scripts; fi
        '';
        # Most tests need engines; those that need none are a check.
        doCheck = false;
      }
      // removeAttrs attributes [ "sources" ]
    );

  # The tree with nothing but these files and directories of it.
  sourceOf =
    wanted:
    builtins.path {
      name = "suho-source";
      path = root;
      filter =
        path: _:
        let
          relative = removePrefix (toString root + "/") path;
        in
        builtins.any (part: relative == part || hasPrefix (part + "/") relative) wanted;
    };
}
