# What suho uses of nixpkgs' lib, each with where it lives there.
let
  inherit (builtins)
    attrNames
    concatStringsSep
    elemAt
    filter
    foldl'
    listToAttrs
    map
    match
    replaceStrings
    stringLength
    substring
    ;
in
rec {
  # lib/strings.nix
  concatStrings = concatStringsSep "";
  # lib/strings.nix
  escapeShellArgs = arguments: concatStringsSep " " (map (argument: "'${argument}'") arguments);
  # lib/attrsets.nix
  filterAttrs =
    wanted: attributes:
    removeAttrs attributes (filter (name: !wanted name attributes.${name}) (attrNames attributes));
  # lib/lists.nix
  findFirst =
    wanted: default: list:
    foldl' (found: item: if found == default && wanted item then item else found) default list;
  # lib/attrsets.nix
  genAttrs =
    names: f:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );
  # lib/strings.nix
  hasInfix = part: text: replaceStrings [ part ] [ "" ] text != text;
  # lib/strings.nix
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  # lib/attrsets.nix, of builtins
  mapAttrs = builtins.mapAttrs;
  # lib/attrsets.nix
  mapAttrs' = f: attributes: listToAttrs (mapAttrsToList f attributes);
  # lib/attrsets.nix
  mapAttrsToList = f: attributes: map (name: f name attributes.${name}) (attrNames attributes);
  # lib/options.nix
  mkEnableOption = _: false;
  # lib/modules.nix
  mkForce = value: value;
  # lib/modules.nix
  mkIf = condition: value: if condition then value else { };
  # lib/options.nix
  mkOption = option: option.default or null;
  # lib/attrsets.nix
  nameValuePair = name: value: { inherit name value; };
  # lib/lists.nix
  optional = condition: item: optionals condition [ item ];
  # lib/attrsets.nix
  optionalAttrs = condition: attributes: if condition then attributes else { };
  # lib/lists.nix
  optionals = condition: list: if condition then list else [ ];
  # lib/strings.nix
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
  # lib/strings.nix
  removeSuffix =
    suffix: text:
    let
      found = match "(.*)${suffix}" text;
    in
    if found == null then text else elemAt found 0;
  # lib/types.nix
  types = {
    attrsOf = type: type;
    path = null;
    raw = null;
    str = null;
  };
}
