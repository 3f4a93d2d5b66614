# What suho uses of nixpkgs' lib/.
let
  inherit (builtins)
    genList
    listToAttrs
    map
    stringLength
    substring
    ;
  characters = text: genList (index: substring index 1 text) (stringLength text);
in
rec {
  # lib/attrsets.nix
  genAttrs =
    names: f:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );
  # lib/attrsets.nix
  optionalAttrs = condition: attributes: if condition then attributes else { };
  # lib/strings.nix
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  # lib/strings.nix
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
  # lib/strings.nix
  toUpper = builtins.replaceStrings (characters "abcdefghijklmnopqrstuvwxyz") (
    characters "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
  );
}
