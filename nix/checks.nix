# What `nix flake check` holds a change against, besides the builds of the packages.
{ pkgs, stack }:
let
  workspace = import ./packages/workspace.nix { inherit pkgs; };

  # A command of cargo over the workspace, which leaves nothing but its success.
  cargo =
    name: tools: command:
    workspace.build {
      pname = "suho-${name}";
      sources = [
        "clippy.toml"
        "compose"
        "rustfmt.toml"
        "scripts"
      ];
      nativeBuildInputs = tools;
      buildPhase = command;
      installPhase = "touch $out";
    };

  nixFiles = workspace.sourceOf [
    "flake.nix"
    "nix"
  ];
in
{
  inherit (stack) configs compose suho;

  rust-format = cargo "format" [ pkgs.rustfmt ] "cargo fmt --all --check";
  rust-lints = cargo "lints" [
    pkgs.clippy
  ] "cargo clippy --locked --workspace --all-targets -- -D warnings";
  rust-documents = cargo "documents" [ ] ''
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps
  '';
  # Those that need no engine, only how compose reads a file; and one less: it asks git, which a source in the store has not.
  rust-tests = cargo "tests" [ pkgs.docker-client ] ''
    cargo test --locked --workspace --lib --bins -- \
      --skip deployment::files::tests::every_committed_file_belongs
  '';

  nix-format = pkgs.runCommand "nix-format" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
    find ${nixFiles} -name '*.nix' -exec nixfmt --check {} +
    touch $out
  '';
  nix-dead-code = pkgs.runCommand "nix-dead-code" { nativeBuildInputs = [ pkgs.deadnix ]; } ''
    deadnix --fail ${nixFiles}
    touch $out
  '';
  nix-shell-scripts =
    pkgs.runCommand "nix-shell-scripts" { nativeBuildInputs = [ pkgs.shellcheck ]; }
      ''
        find ${nixFiles} -name '*.sh' -exec shellcheck --shell bash {} +
        touch $out
      '';

  # The lock holds what the flake asks for, and nothing more.
  lock = import ./lock-check.nix { inherit pkgs; };
  # Nix reads of the compose file what Docker reads.
  yaml = import ./yaml-check.nix { inherit pkgs; };
}
