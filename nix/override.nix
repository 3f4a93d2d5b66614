# The services of a compose file with what a later file says of them, as compose joins the two: variables and mounts are
# added, a command is replaced, and a service of the later file alone is added.
earlier: later:
let
  inherit (builtins) mapAttrs;
  joined =
    service: change:
    service
    // change
    // {
      environment = service.environment or { } // change.environment or { };
      expose = service.expose or [ ] ++ change.expose or [ ];
      volumes = service.volumes or [ ] ++ change.volumes or [ ];
    };
in
earlier
// mapAttrs (
  name: change: if earlier ? ${name} then joined earlier.${name} change else change
) later
