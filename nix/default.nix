# What the flake offers on one system.
#
# # Layout
#
# - `images.nix`, `yaml.nix`, `override.nix`: the pins, read out of the compose files
# - `oci.nix`: from a pin to an archive, with `fetch-blob.sh` and `pack-images.sh`
# - `configs.nix`, `compose.nix`: the checked configuration, and the directory for `docker compose up -d`
# - `stack.nix`: all of these for one deployment; what `lib.<system>.mkStack` is
# - `packages/`: the command line
# - `devshell.nix`, `checks.nix`, `vm-test.nix`, `module.nix`, `template/`: what their names say
# - `offline/`: a stand-in for nixpkgs, for machines that cannot have it; nothing here knows of it
{ pkgs }:
let
  inherit (pkgs) lib;
  suho = import ./packages/unwrapped.nix { inherit pkgs; };
  mkStack = arguments: import ./stack.nix ({ inherit pkgs suho; } // arguments);
  stack = mkStack { };

  # Whoever evaluates one of these has to know of what the images consist.
  images = stack.archives // {
    inherit (stack) images;
    load-images = pkgs.writeShellApplication {
      name = "load-images";
      text = "exec ${stack.suho}/bin/suho images load ${stack.images}";
    };
  };
  e2e = import ./vm-test.nix { inherit pkgs stack; };
in
{
  packages = {
    inherit (stack) configs compose suho;
    default = stack.suho;
  }
  // lib.optionalAttrs stack.locked images;

  # What Nix has to fetch before it knows of what it consists, which `nix flake check` and `nix flake show` do not do.
  # `nix build .#image-nats-server` finds it here as well; `suho images lock` brings it among the packages.
  legacyPackages = lib.optionalAttrs (!stack.locked) (images // { inherit e2e; });

  apps.default = {
    type = "app";
    program = "${stack.suho}/bin/suho";
  };

  devShells.default = import ./devshell.nix { inherit pkgs; };

  checks =
    import ./checks.nix { inherit pkgs stack; }
    # A virtual machine of Linux on x86-64, which has to have the images.
    // lib.optionalAttrs (stack.locked && pkgs.stdenv.hostPlatform.system == "x86_64-linux") {
      inherit e2e;
    };

  formatter = pkgs.nixfmt-tree;

  lib = {
    inherit mkStack;
  };
}
