# The deployment as services of NixOS:
#
#   services.suho = {
#     enable = true;
#     environmentFile = "/etc/suho.env"; # what `make env` writes: one line for each variable of .env.example
#     monitoring.enable = true; # with Prometheus, Grafana and the exporters
#   };
#
# Each engine is a container of `virtualisation.oci-containers`, its unit `docker-suho-<engine>`, its image and its
# configuration out of the store.
self:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.suho;
  network = "suho-trading-network";
  environmentDirectory = "/run/suho";

  # What compose runs by default: no service of a scale of zero.
  services = lib.filterAttrs (_: service: service.scale or "1" != "0") (
    if cfg.monitoring.enable then cfg.stack.watchedServices else cfg.stack.services
  );

  interpolate = import ./interpolation.nix cfg.variables;
  example = builtins.readFile ../compose/.env.example;
  unknown = builtins.filter (name: !lib.hasInfix "${name}=" example) (
    builtins.attrNames cfg.variables
  );

  # In a health check `$$` is a dollar of the shell.
  healthCommand =
    test:
    builtins.replaceStrings [ "$$" ] [ "$" ] (
      if builtins.head test == "CMD-SHELL" then
        builtins.elemAt test 1
      else
        lib.escapeShellArgs (builtins.tail test)
    );

  options =
    service:
    [
      "--network=${network}"
      "--memory=${service.mem_limit}"
      "--cpus=${service.cpus}"
      "--stop-timeout=${lib.removeSuffix "s" (service.stop_grace_period or "10s")}"
    ]
    ++ lib.optional (service ? shm_size) "--shm-size=${service.shm_size}"
    ++ lib.optional (service ? stop_signal) "--stop-signal=${service.stop_signal}"
    ++ lib.mapAttrsToList (
      limit: value:
      "--ulimit=${limit}=${
        interpolate (if builtins.isString value then value else "${value.soft}:${value.hard}")
      }"
    ) (service.ulimits or { })
    ++ lib.optionals (service ? healthcheck) [
      "--health-cmd=${healthCommand service.healthcheck.test}"
      "--health-interval=${service.healthcheck.interval}"
      "--health-timeout=${service.healthcheck.timeout}"
      "--health-retries=${service.healthcheck.retries}"
      "--health-start-period=${service.healthcheck.start_period}"
    ];

  # A service runs the image of that pin whose variable it names.
  pinOf =
    service:
    lib.findFirst (name: lib.hasInfix cfg.stack.pins.${name}.variable service.image) null (
      builtins.attrNames cfg.stack.pins
    );

  container = name: service: {
    image = cfg.stack.pins.${pinOf service}.loadedName;
    # It is loaded from the store, under a name that no registry has.
    pull = "never";
    imageFile = cfg.stack.archives."image-${pinOf service}";
    # One program, without arguments: Docker takes no more.
    entrypoint = if service ? entrypoint then toString service.entrypoint else null;
    cmd = service.command or [ ];
    inherit (service) hostname;
    environmentFiles = [ "${environmentDirectory}/${name}.env" ];
    ports = map interpolate (service.ports or [ ]);
    volumes = map (
      volume:
      if lib.hasPrefix "./" volume then "${cfg.stack.configs}/${lib.removePrefix "./" volume}" else volume
    ) (service.volumes or [ ]);
    dependsOn = builtins.attrNames (service.depends_on or { });
    extraOptions = options service;
  };

  # A here-document of the shell interpolates as compose does, and refuses what is not set.
  writeEnvironment = name: service: ''
    cat >${environmentDirectory}/${name}.env <<END
    ${
      lib.concatStrings (
        lib.mapAttrsToList (variable: value: "${variable}=${value}\n") (service.environment or { })
      )
    }END
  '';
  docker = "${config.virtualisation.docker.package}/bin/docker";
in
{
  options.services.suho = {
    enable = lib.mkEnableOption "the data layer of suho: seven engines in containers";
    environmentFile = lib.mkOption {
      # No path: one would end in the store, for everybody to read.
      type = lib.types.str;
      example = "/etc/suho.env";
      description = "The file of the secrets, as `make env` writes it.";
    };
    monitoring.enable = lib.mkEnableOption "Prometheus, Grafana and the exporters, which watch the engines";
    variables = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      example = {
        SUHO_BIND_ADDRESS = "10.0.0.5";
      };
      description = "Ports, addresses and limits: the variables of .env.example that are no secrets. They count more than the file.";
    };
    stack = lib.mkOption {
      type = lib.types.raw;
      default = self.lib.${pkgs.stdenv.hostPlatform.system}.mkStack { };
      defaultText = "the deployment of suho-stack";
      description = "A variant of the deployment, by `lib.<system>.mkStack`.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = unknown == [ ];
        message = "services.suho.variables: .env.example knows no ${toString unknown}";
      }
      {
        assertion = cfg.monitoring.enable -> services ? suho-prometheus;
        message = "services.suho.monitoring: the deployment has no docker-compose.monitoring.yml that describes suho-prometheus";
      }
    ];
    virtualisation.docker.enable = true;
    virtualisation.oci-containers = {
      backend = "docker";
      containers = lib.mapAttrs container services;
    };

    systemd.services = {
      suho-environment = {
        description = "Network and environment of the data layer of suho";
        requires = [ "docker.service" ];
        after = [ "docker.service" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        script = ''
          umask 077
          mkdir -p ${environmentDirectory}
          . ${cfg.environmentFile}
          ${lib.concatStrings (
            lib.mapAttrsToList (name: value: "${name}=${lib.escapeShellArgs [ value ]}\n") cfg.variables
          )}
          ${lib.concatStrings (lib.mapAttrsToList writeEnvironment services)}
          ${docker} network inspect ${network} >/dev/null 2>&1 || ${docker} network create ${network}
        '';
      };
    }
    // lib.mapAttrs' (
      name: service:
      lib.nameValuePair "docker-${name}" {
        requires = [ "suho-environment.service" ];
        after = [ "suho-environment.service" ];
        # A one-shot is done when it has created what is declared.
        serviceConfig = lib.mkIf (service.restart == "on-failure") {
          Restart = lib.mkForce "on-failure";
          # Often enough while an engine starts, and not so often that systemd gives up.
          RestartSec = 5;
          RemainAfterExit = true;
        };
      }
    ) services;
  };
}
