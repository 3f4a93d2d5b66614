{
  description = "The data layer of a trading platform: seven engines as one reproducible deployment";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      # What each system offers, by its packages.
      offers = lib.genAttrs systems (system: import ./nix { pkgs = nixpkgs.legacyPackages.${system}; });
      each = name: lib.genAttrs systems (system: offers.${system}.${name});
    in
    {
      packages = each "packages";
      legacyPackages = each "legacyPackages";
      apps = each "apps";
      devShells = each "devShells";
      checks = each "checks";
      formatter = each "formatter";
      lib = each "lib";

      overlays.default = final: _: { suho = self.packages.${final.stdenv.hostPlatform.system}.suho; };
      nixosModules.default = import ./nix/module.nix self;
      templates.default = {
        path = ./nix/template;
        description = "A service that tests against the stack";
      };
    };
}
