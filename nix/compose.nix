# A directory for `docker compose up -d`: the checked configuration, with the images by a name of one's choice.
{
  pkgs,
  configs,
  pins,
  # The name of the image of a pin.
  nameOf,
}:
let
  inherit (builtins) concatStringsSep map;

  defaults = map (pin: "s|\\\${${pin.variable}:-[^}]*}|\${${pin.variable}:-${nameOf pin}}|") (
    builtins.attrValues pins
  );
in
pkgs.runCommand "suho-compose"
  {
    inherit configs;
    defaults = concatStringsSep "\n" defaults;
    passAsFile = [ "defaults" ];
  }
  ''
    cp -r "$configs" "$out"
    chmod -R u+w "$out"
    sed --in-place --file "$defaultsPath" "$out"/docker-compose*.yml
  ''
