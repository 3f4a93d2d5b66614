# Holds our reading of the compose file against Docker's, service by service.
{ pkgs }:
let
  inherit (builtins)
    filter
    isList
    listToAttrs
    map
    mapAttrs
    match
    readFile
    split
    ;
  read = import ./yaml.nix (readFile ../compose/docker-compose.yml);
  # Each secret that the example leaves empty.
  secrets = filter (name: name != null) (
    map (line: if isList line then null else match "([A-Z_]+)=" line) (
      split "\n" (readFile ../compose/.env.example)
    )
  );
  variables = listToAttrs (
    map (name: {
      name = builtins.head name;
      value = "given";
    }) secrets
  );
  interpolate = import ./interpolation.nix variables;
  # Docker puts everything else into a form of its own.
  comparable =
    service:
    {
      image = interpolate service.image;
      environment = mapAttrs (_: interpolate) (service.environment or { });
      command = service.command or [ ];
    }
    // (
      if isList (service.healthcheck.test or null) then { inherit (service.healthcheck) test; } else { }
    );
in
pkgs.runCommand "yaml"
  (
    variables
    // {
      nativeBuildInputs = [
        pkgs.docker-compose
        pkgs.jq
      ];
      ours = builtins.toJSON (mapAttrs (_: comparable) read.services);
      passAsFile = [ "ours" ];
    }
  )
  ''
    docker-compose --file ${../compose/docker-compose.yml} config --format json >docker.json
    jq --sort-keys '.services | map_values({image, environment: (.environment // {}), command: (.command // [])}
      + (if .healthcheck.test then {test: .healthcheck.test} else {} end))' docker.json >docker
    jq --sort-keys . "$oursPath" >ours
    diff docker ours
    touch $out
  ''
