"""An honest run: nothing is to be found in it."""

from canary_model import Model, report, trained

report(trained(Model()))
