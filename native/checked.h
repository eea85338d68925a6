// The compiler rejects a call of these functions whose status is not read. Functions that only release something
// (napi_delete_reference, napi_close_handle_scope, ...) are not listed, because nothing can be done when they fail.
#pragma once

#include <node_api.h>

#define CHECKED(function) extern "C" __attribute__((warn_unused_result)) decltype(function) function
CHECKED(napi_add_async_cleanup_hook);
CHECKED(napi_add_env_cleanup_hook);
CHECKED(napi_adjust_external_memory);
CHECKED(napi_async_init);
CHECKED(napi_call_function);
CHECKED(napi_call_threadsafe_function);
CHECKED(napi_create_array_with_length);
CHECKED(napi_create_arraybuffer);
CHECKED(napi_create_async_work);
CHECKED(napi_create_double);
CHECKED(napi_create_external_arraybuffer);
CHECKED(napi_create_int32);
CHECKED(napi_create_int64);
CHECKED(napi_create_object);
CHECKED(napi_create_promise);
CHECKED(napi_create_reference);
CHECKED(napi_create_string_latin1);
CHECKED(napi_create_string_utf8);
CHECKED(napi_create_threadsafe_function);
CHECKED(napi_define_properties);
CHECKED(napi_get_array_length);
CHECKED(napi_get_arraybuffer_info);
CHECKED(napi_get_buffer_info);
CHECKED(napi_get_cb_info);
CHECKED(napi_get_dataview_info);
CHECKED(napi_get_element);
CHECKED(napi_get_global);
CHECKED(napi_get_reference_value);
CHECKED(napi_get_typedarray_info);
CHECKED(napi_get_undefined);
CHECKED(napi_get_uv_event_loop);
CHECKED(napi_get_value_bigint_int64);
CHECKED(napi_get_value_double);
CHECKED(napi_get_value_string_utf8);
CHECKED(napi_is_arraybuffer);
CHECKED(napi_is_detached_arraybuffer);
CHECKED(napi_make_callback);
CHECKED(napi_open_handle_scope);
CHECKED(napi_queue_async_work);
CHECKED(napi_run_script);
CHECKED(napi_set_element);
CHECKED(napi_set_instance_data);
CHECKED(napi_set_named_property);
CHECKED(napi_set_property);
CHECKED(napi_typeof);
#undef CHECKED
