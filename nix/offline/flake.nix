{
  description = "A stand-in for nixpkgs where it cannot be had: the attributes that suho uses, as programs of this machine";

  outputs =
    { self }:
    {
      lib = import ./lib.nix;
      legacyPackages = self.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ] (system: import ./packages.nix { inherit system; });
    };
}
