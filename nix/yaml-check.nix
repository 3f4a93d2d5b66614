# Holds our reading of the compose files against Docker's, service by service: of the engines, and with their watchers.
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
  servicesOf = file: (import ./yaml.nix (readFile file)).services;
  engines = servicesOf ../compose/docker-compose.yml;
  watched = import ./override.nix engines (servicesOf ../compose/docker-compose.monitoring.yml);
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
      entrypoint = service.entrypoint or null;
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
      engines = builtins.toJSON (mapAttrs (_: comparable) engines);
      watched = builtins.toJSON (mapAttrs (_: comparable) watched);
      passAsFile = [
        "engines"
        "watched"
      ];
    }
  )
  ''
    # What is read here, against what Docker reads of these files.
    compare() {
      docker-compose "''${@:2}" config --format json |
        jq --sort-keys '.services | map_values({image, entrypoint, environment: (.environment // {}), command: (.command // [])}
          + (if .healthcheck.test then {test: .healthcheck.test} else {} end))' >docker
      jq --sort-keys . "$1" >ours
      diff docker ours
    }
    compare "$enginesPath" --file ${../compose/docker-compose.yml}
    compare "$watchedPath" --file ${../compose/docker-compose.yml} --file ${../compose/docker-compose.monitoring.yml}
    touch $out
  ''
