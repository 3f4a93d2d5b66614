{
  description = "A service that tests against the suho stack";

  inputs = {
    # Where your copy of suho-stack is: github:…, git+ssh://… or git+file:///….
    suho.url = "git+file:///path/to/suho-stack";
    nixpkgs.follows = "suho/nixpkgs";
  };

  outputs =
    {
      nixpkgs,
      suho,
      ...
    }:
    let
      each = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      # The stack with settings of this service's own.
      stack =
        system:
        suho.lib.${system}.mkStack {
          settings."nats-server.conf".max_payload = "2MB";
        };
    in
    {
      packages = each (system: {
        inherit (stack system) configs compose;
      });
      devShells = each (system: {
        default = nixpkgs.legacyPackages.${system}.mkShell {
          inputsFrom = [ suho.devShells.${system}.default ];
          packages = [ (stack system).suho ];
        };
      });
    };
}
