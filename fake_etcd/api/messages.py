"""Every message and enum of etcd's API as a name of this module; the fields are in messages.pyi.

Names are flat: `messages.RangeRequest`, `messages.KeyValue`, `messages.HealthCheckRequest`. An
enum inside a message, and its values, hang on the message's class: `RangeRequest.SortOrder` (with
`Name` and `Value`), `RangeRequest.DESCEND`, `Event.DELETE`. The one outside, `AlarmType`, has its
values here: `messages.NOSPACE`. Values are plain ints. Field numbers are there too:
`KeyValue.MOD_REVISION_FIELD_NUMBER`. On the hot path bind them to names of your own; each of these
look-ups goes through the class's descriptor.

The classes come from a private descriptor pool, see `fake_etcd.api.descriptors`.
"""

from google.protobuf.descriptor_pool import DescriptorPool as _DescriptorPool

from fake_etcd.api import descriptors as _descriptors

_pool = _DescriptorPool()
globals().update(_descriptors.definitions(_pool, _descriptors.load(_pool)))
