# A directory for `docker compose up -d`: the checked configuration, with images by the names under which they are loaded.
{
  pkgs,
  configs,
  pins,
}:
let
  inherit (builtins) concatStringsSep map;

  defaults = map (pin: "s|\\\${${pin.variable}:-[^}]*}|\${${pin.variable}:-${pin.loadedName}}|") (
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
    sed --in-place --file "$defaultsPath" "$out/docker-compose.yml"
  ''
