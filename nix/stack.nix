# One deployment: its images, its configuration and its compose directory, by default that of this repository.
{
  pkgs,
  # The command line, built without a deployment of its own.
  suho,
  # Pins in place of those of the compose files: { nats-server = "nats:2.15.1-alpine@sha256:…"; }.
  images ? { },
  # Settings in place of those of the files, by the names that `suho verify` prints:
  # { "postgresql.conf".shared_buffers = "2GB"; "docker-compose.yml"."suho-weaviate.LOG_LEVEL" = "debug"; }.
  settings ? { },
  # Registries to be tried before the one that a pin names: { "docker.io" = [ "https://mirror.example" ]; }.
  mirrors ? { },
  # The directory that `suho images lock` writes.
  manifests ? ./manifests,
  # The directory of the compose files.
  deployment ? ../compose,
  # The platform of the images; that of the machine by default, and Linux's on a Mac, where Docker runs a virtual machine.
  architecture ? if pkgs.stdenv.hostPlatform.isAarch64 then "arm64" else "amd64",
}:
let
  inherit (builtins)
    all
    attrNames
    attrValues
    listToAttrs
    map
    pathExists
    readFile
    ;

  oci = import ./oci.nix {
    inherit
      pkgs
      architecture
      mirrors
      manifests
      ;
  };
  servicesOf = file: (import ./yaml.nix (readFile file)).services;
  engines = servicesOf (deployment + "/docker-compose.yml");
  # Whoever has a compose file of his own need not have watchers.
  monitoring = deployment + "/docker-compose.monitoring.yml";
  watchers = if pathExists monitoring then servicesOf monitoring else { };
  pins = import ./images.nix {
    services = import ./override.nix engines watchers;
    overrides = images;
  };
  configs = import ./configs.nix {
    inherit
      pkgs
      suho
      deployment
      settings
      ;
  };
  # { "suho-weaviate.LOG_LEVEL" = "debug"; } of one service, as { LOG_LEVEL = "debug"; }.
  changed =
    service:
    let
      ofCompose = settings."docker-compose.yml" or { };
      prefix = service + ".";
      own = builtins.filter (pkgs.lib.hasPrefix prefix) (attrNames ofCompose);
      # As `suho config merge` writes it; null takes it out.
      spelled = value: if builtins.isString value || value == null then value else builtins.toJSON value;
    in
    listToAttrs (
      map (name: {
        name = pkgs.lib.removePrefix prefix name;
        value = spelled ofCompose.${name};
      }) own
    );
  # What the compose file says of each service, with the settings that are its environment.
  services = builtins.mapAttrs (
    name: service:
    service
    // pkgs.lib.optionalAttrs (service ? environment || changed name != { }) {
      environment = pkgs.lib.filterAttrs (_: value: value != null) (
        service.environment or { } // changed name
      );
    }
  ) engines;
  composeWith =
    nameOf:
    import ./compose.nix {
      inherit
        pkgs
        configs
        pins
        nameOf
        ;
    };
in
{
  inherit pins configs services;

  # The same with Prometheus, Grafana and the exporters, and what those change of the engines.
  watchedServices = import ./override.nix services watchers;

  # With the images by the names under which they are loaded, for `docker compose up -d`.
  compose = composeWith (pin: pin.loadedName);

  # { image-postgresql = an archive; … }
  archives = listToAttrs (
    map (name: {
      name = "image-${name}";
      value = oci.archive "image-${name}" [ pins.${name} ];
    }) (attrNames pins)
  );
  # All of them in one archive, those of the watchers too.
  images = oci.archive "images" (attrValues pins);

  # True where evaluation has to fetch nothing.
  locked = all oci.isLocked (attrValues pins);

  # The command line for this deployment, which finds what is loaded, and pulls what is not.
  suho = import ./packages/wrapped.nix {
    inherit pkgs suho;
    compose = composeWith (pin: pin.reference);
  };
}
